//! Pages that mailed links open.

pub(super) mod action;
mod html;
pub(super) mod invitation;
