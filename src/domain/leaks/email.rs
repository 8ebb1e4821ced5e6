//! The mail to the creator of a leaked key.

use super::model::Leak;
use crate::base::text::printable;
use crate::infra::mail::{Mailer, quoted_name};

/// Queues a mail to the creator, if there is an address. A failure is only logged, since the key is revoked anyway.
pub(crate) fn send(mailer: &Mailer, leak: &Leak) {
    let Some(email) = leak.email.as_deref().filter(|_| mailer.is_on()) else { return };
    let sent = mailer.send(email, "Your API key was revoked", text(leak).into());
    if let Err(error) = sent {
        tracing::warn!(key = %leak.key.id, cause = error.cause(), "the creator of a leaked key is not told by mail");
    }
}

fn text(leak: &Leak) -> String {
    let name = leak.key.name.as_deref().map(|name| format!(" ({})", quoted_name(name))).unwrap_or_default();
    let place = match &leak.place.url {
        Some(url) => format!("at\n\n{}\n\nwhere anybody", printable(url, usize::MAX)),
        None => "where anybody".to_owned(),
    };
    format!(
        "Hello,\n\nyour API key {}{name} of the workspace {} was found {place} could read it. It was revoked at once \
         and works no more.\n\nCreate a new key for the programs that use it, and look whether anybody else used it \
         meanwhile. Taking the text away there does not help: it was copied.\n",
        leak.key.preview,
        quoted_name(&leak.workspace),
    )
}
