//! [`KeyPermissions`]: what a key may do, with its text on the wire.

use super::set::{PermissionRef, PermissionSet};
use actix_web::http::header::HeaderValue;
use serde::{Serialize, Serializer};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The longest list of permissions in a header, in bytes.
pub const MAX_HEADER_BYTES: usize = 4096;
/// The most memory of the shared texts, in bytes.
const MAX_SHARED_BYTES: usize = 16 << 20;

/// What a key may do: the permissions, and their text on the wire. On the wire: a list in the order of the catalogue.
#[derive(Debug)]
pub struct KeyPermissions {
    granted: PermissionSet,
    effective: PermissionSet,
    names: Arc<[Box<str>]>,
    texts: Option<Texts>,
}

/// The lists of one set, made once.
#[derive(Debug)]
struct Texts {
    json: Box<[u8]>,
    header: HeaderValue,
}

impl KeyPermissions {
    fn new(granted: PermissionSet, effective: PermissionSet, names: &Arc<[Box<str>]>) -> Self {
        Self { granted, effective, names: Arc::clone(names), texts: None }
    }

    /// What its owner, its limits and its own list allow, before its scope.
    pub fn granted(&self) -> PermissionSet {
        self.granted
    }

    /// What it may do.
    pub fn effective(&self) -> PermissionSet {
        self.effective
    }

    /// Returns whether it has the permission. Cost: one load and a shift.
    pub fn contains(&self, permission: impl Into<PermissionRef>) -> bool {
        self.effective.contains(permission)
    }

    /// Returns the names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.effective.places().filter_map(|place| self.names.get(place)).map(AsRef::as_ref)
    }

    /// Appends the list as JSON. Cost: one copy of a text that was made when the key was read; where too many sets are in
    /// use to keep their texts, one copy for each name.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match &self.texts {
            Some(texts) => out.extend_from_slice(&texts.json),
            None => write_list(self.names(), out),
        }
    }

    /// Returns the names with commas between them, in at most [`MAX_HEADER_BYTES`]: names that don't fit are left out,
    /// from the first on. Cost: one reference count, or as [`Self::write_json`] says.
    pub fn header(&self) -> HeaderValue {
        self.texts.as_ref().map_or_else(|| header_of(self.names()), |texts| texts.header.clone())
    }

    fn bytes(&self) -> usize {
        let texts = self.texts.as_ref().map_or(0, |texts| texts.json.len() + texts.header.len());
        2 * size_of::<Self>() + texts
    }
}

impl Serialize for KeyPermissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.names())
    }
}

/// Names have no character that JSON escapes.
fn write_list<'n>(names: impl Iterator<Item = &'n str>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (place, name) in names.enumerate() {
        out.extend_from_slice(if place == 0 { b"\"" } else { b",\"" });
        out.extend_from_slice(name.as_bytes());
        out.push(b'"');
    }
    out.push(b']');
}

fn header_of<'n>(names: impl Iterator<Item = &'n str>) -> HeaderValue {
    let mut text = String::new();
    for name in names {
        if text.len() + name.len() + 1 > MAX_HEADER_BYTES {
            break;
        }
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(name);
    }
    // Names are letters, digits and marks.
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// The [`KeyPermissions`] in use, one for each set, so that the keys of a role share their texts.
#[derive(Debug, Default)]
pub(super) struct SharedPermissions(Mutex<Shared>);

#[derive(Debug, Default)]
struct Shared {
    known: HashMap<(PermissionSet, PermissionSet), Arc<KeyPermissions>>,
    bytes: usize,
}

impl SharedPermissions {
    /// Returns the shared permissions of a set. Cost: a lock and a look-up; the first time, the texts. With more than
    /// 16 MiB of texts in use, the result has none.
    pub(super) fn of(
        &self,
        granted: PermissionSet,
        effective: PermissionSet,
        names: &Arc<[Box<str>]>,
    ) -> Arc<KeyPermissions> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = shared.known.get(&(granted, effective)) {
            return Arc::clone(known);
        }
        let mut new = KeyPermissions::new(granted, effective, names);
        let mut json = Vec::new();
        write_list(new.names(), &mut json);
        new.texts = Some(Texts { json: json.into_boxed_slice(), header: header_of(new.names()) });
        if shared.bytes + new.bytes() > MAX_SHARED_BYTES {
            shared.known.retain(|_, permissions| Arc::strong_count(permissions) > 1);
            shared.bytes = shared.known.values().map(|permissions| permissions.bytes()).sum();
        }
        if shared.bytes + new.bytes() > MAX_SHARED_BYTES {
            return Arc::new(KeyPermissions { texts: None, ..new });
        }
        shared.bytes += new.bytes();
        let new = Arc::new(new);
        shared.known.insert((granted, effective), Arc::clone(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sets of all names but one, each of another size of text.
    fn sets(names: &Arc<[Box<str>]>) -> impl Iterator<Item = PermissionSet> + use<> {
        let all: PermissionSet = (0..names.len()).map(|place| PermissionRef::new(place as u8, "a:b")).collect();
        (0_u32..6_000).map(move |number| {
            let without = (0..15).filter(move |bit| number >> bit & 1 == 1);
            all.difference(without.map(|place| PermissionRef::new(place as u8, "a:b")).collect())
        })
    }

    #[test]
    fn texts_take_a_bounded_amount_of_memory_and_sets_beyond_it_are_written_the_same() {
        let names: Arc<[Box<str>]> = (0..120).map(|number| format!("resource-{number}:read").into()).collect();
        let shared = SharedPermissions::default();
        let in_use: Vec<Arc<KeyPermissions>> = sets(&names).map(|set| shared.of(set, set, &names)).collect();
        let bytes = shared.0.lock().unwrap().bytes;
        assert!(bytes <= MAX_SHARED_BYTES && bytes > MAX_SHARED_BYTES / 2, "{bytes}");
        let without = in_use.last().unwrap();
        assert!(without.texts.is_none());
        let mut json = Vec::new();
        without.write_json(&mut json);
        assert_eq!(json, serde_json::to_vec(&without.names().collect::<Vec<_>>()).unwrap());
        assert!(without.header().to_str().unwrap().len() <= MAX_HEADER_BYTES);
        // What no key uses any more makes room.
        let last = sets(&names).last().unwrap();
        drop(in_use);
        assert!(shared.of(last, last, &names).texts.is_some());
    }
}
