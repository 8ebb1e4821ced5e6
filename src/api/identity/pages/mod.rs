//! Pages that links in mails lead to.

pub(super) mod action;
mod html;
pub(super) mod invitation;
