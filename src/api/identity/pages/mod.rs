//! Pages that mailed links open, and what leads on from them.

pub(super) mod action;
mod html;
pub(super) mod invitation;
mod onward;
pub(super) mod reset;
