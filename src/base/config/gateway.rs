//! `[gateway]`: the permissions that requests need at forward-auth.

use super::permissions::find;
use crate::base::policy::{PermissionCatalog, PermissionRef};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Stands for every method that has no entry of its own.
const ANY_METHOD: &str = "*";

/// `[gateway]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewaySettings {
    /// Permissions by method, for paths that have no entry in `paths`. Empty: these need none.
    pub methods: MethodPermissions,
    /// Permissions by the start of the path. The longest one that matches counts, and `methods` then does not.
    pub paths: BTreeMap<String, MethodPermissions>,
}

/// Names of permissions by method; `*` for all others.
pub type MethodPermissions = BTreeMap<String, String>;

/// [`GatewaySettings`] with the permissions of a catalogue.
#[derive(Clone, Debug)]
pub struct GatewayRules {
    methods: BTreeMap<String, PermissionRef>,
    paths: BTreeMap<String, BTreeMap<String, PermissionRef>>,
}

impl GatewayRules {
    /// Returns whether no request needs a permission.
    pub fn is_empty(&self) -> bool {
        self.methods.is_empty() && self.paths.is_empty()
    }

    /// Returns whether the path of a request counts.
    pub fn reads_paths(&self) -> bool {
        !self.paths.is_empty()
    }

    /// Returns the permission that a request needs, if it needs any. The path is one of [`plain_path`].
    pub fn needs(&self, method: &str, path: Option<&str>) -> Option<PermissionRef> {
        let of_path = path.and_then(|path| {
            let matching = self.paths.iter().filter(|(start, _)| is_below(path, start));
            matching.max_by_key(|(start, _)| start.len()).map(|(_, methods)| methods)
        });
        let methods = of_path.unwrap_or(&self.methods);
        methods.get(method).or_else(|| methods.get(ANY_METHOD)).copied()
    }
}

impl GatewaySettings {
    /// Checks the rules, and finds their permissions.
    ///
    /// # Errors
    /// A text for the operator, which names the key.
    pub fn compile(&self, catalog: &PermissionCatalog) -> Result<GatewayRules, String> {
        let mut rules = GatewayRules { methods: BTreeMap::new(), paths: BTreeMap::new() };
        if !self.methods.is_empty() {
            rules.methods =
                compile_methods(&self.methods, catalog).map_err(|reason| format!("gateway.methods: {reason}"))?;
        }
        for (start, methods) in &self.paths {
            if plain_path(start).as_deref() != Some(start) || start.len() > 1 && start.ends_with('/') {
                return Err(format!(
                    "gateway.paths: {start:?} must be the start of a path such as \"/admin\": with a slash before it and \
                     none behind it, without escapes, queries and semicolons, and without empty, . and .. segments"
                ));
            }
            let compiled =
                compile_methods(methods, catalog).map_err(|reason| format!("gateway.paths.{start:?}: {reason}"))?;
            rules.paths.insert(start.clone(), compiled);
        }
        Ok(rules)
    }
}

/// Every method has a permission, so that no method passes because it was forgotten.
fn compile_methods(
    methods: &MethodPermissions,
    catalog: &PermissionCatalog,
) -> Result<BTreeMap<String, PermissionRef>, String> {
    let is_method = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
    if let Some(name) = methods.keys().find(|name| *name != ANY_METHOD && !is_method(name)) {
        return Err(format!("{name:?} must be a method in capitals, such as GET, or \"*\" for all others"));
    }
    if !methods.contains_key(ANY_METHOD) {
        return Err("must have \"*\", the permission for all methods that it does not name".into());
    }
    let of = |(method, name): (&String, &String)| Ok((method.clone(), find(catalog, name)?));
    methods.iter().map(of).collect()
}

fn is_below(path: &str, start: &str) -> bool {
    start == "/" || path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns the path of a request's target, decoded. `None` if servers read it in different ways: with empty, `.` or `..`
/// segments, escaped slashes, backslashes, semicolons, control characters, or what is no escape and no UTF-8.
pub fn plain_path(target: &str) -> Option<String> {
    let raw = target.split('?').next().filter(|path| path.starts_with('/') && !path.contains('#'))?;
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
        let byte = u8::try_from(digit()? * 16 + digit()?).ok()?;
        // A server that decodes twice would find another path behind an escaped percent sign.
        if b"/%".contains(&byte) {
            return None;
        }
        decoded.push(byte);
    }
    let path = String::from_utf8(decoded).ok()?;
    if path.chars().any(|c| c.is_control() || c == '\\' || c == ';') {
        return None;
    }
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let (last, inner) = segments.split_last()?;
    let is_plain = ![".", ".."].contains(last) && inner.iter().all(|segment| !["", ".", ".."].contains(segment));
    is_plain.then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::policy::Permission;

    fn methods(pairs: &[(&str, Permission)]) -> MethodPermissions {
        pairs.iter().map(|(method, permission)| ((*method).to_owned(), permission.as_str().to_owned())).collect()
    }

    fn compiled(settings: &GatewaySettings) -> Result<GatewayRules, String> {
        settings.compile(&PermissionCatalog::compile([]).unwrap())
    }

    fn settings() -> GatewaySettings {
        let any = |permission| methods(&[("*", permission)]);
        let paths = [
            ("/admin", any(Permission::WorkspaceManage)),
            ("/admin/help", any(Permission::ContentRead)),
            ("/search", methods(&[("POST", Permission::ContentRead), ("*", Permission::ContentWrite)])),
        ];
        GatewaySettings {
            methods: methods(&[("GET", Permission::ContentRead), ("*", Permission::ContentWrite)]),
            paths: paths.into_iter().map(|(start, methods)| (start.to_owned(), methods)).collect(),
        }
    }

    #[test]
    fn the_longest_start_of_the_path_counts_and_then_the_method() {
        let rules = compiled(&settings()).unwrap();
        let rows = [
            ("GET", "/", Permission::ContentRead),
            ("get", "/", Permission::ContentWrite),
            ("BREW", "/things", Permission::ContentWrite),
            ("GET", "/admin", Permission::WorkspaceManage),
            ("GET", "/admin/", Permission::WorkspaceManage),
            ("GET", "/admin/x", Permission::WorkspaceManage),
            ("GET", "/administrators", Permission::ContentRead),
            ("DELETE", "/admin/help/1", Permission::ContentRead),
            ("GET", "/admin/helpers", Permission::WorkspaceManage),
            ("POST", "/search", Permission::ContentRead),
            ("DELETE", "/search", Permission::ContentWrite),
            ("GET", "/things/admin", Permission::ContentRead),
        ];
        for (method, path, permission) in rows {
            assert_eq!(rules.needs(method, Some(path)), Some(permission.into()), "{method} {path}");
        }
        let everything = GatewaySettings {
            methods: MethodPermissions::new(),
            paths: [("/".to_owned(), methods(&[("*", Permission::KeysManage)]))].into(),
        };
        let everything = compiled(&everything).unwrap();
        assert_eq!(everything.needs("GET", Some("/things")), Some(Permission::KeysManage.into()));
        let nothing = GatewaySettings { methods: MethodPermissions::new(), paths: BTreeMap::new() };
        let nothing = compiled(&nothing).unwrap();
        assert!(nothing.is_empty() && nothing.needs("GET", Some("/")).is_none());
    }

    #[test]
    fn a_path_is_decoded_and_one_that_can_be_read_in_two_ways_is_none() {
        for (target, path) in [
            ("/", "/"),
            ("/things?path=/../admin", "/things"),
            ("/%61dmin/x%20y", "/admin/x y"),
            ("/admin/", "/admin/"),
            ("/ключ/%D0%BA", "/ключ/к"),
            ("/a.b/..c", "/a.b/..c"),
        ] {
            assert_eq!(plain_path(target).as_deref(), Some(path), "{target}");
        }
        for target in [
            "",
            "*",
            "things",
            "http://host/admin",
            "//admin",
            "/a//b",
            "/./admin",
            "/a/../admin",
            "/a/..",
            "/a/.",
            "/%2e%2e/admin",
            "/a%2fb",
            "/a%5Cb",
            "/a\\b",
            "/admin;x",
            "/admin%3bx",
            "/%2561dmin",
            "/a%",
            "/a%4",
            "/a%zz",
            "/a%00",
            "/a%ff",
            "/a#b",
            "/a%0a",
        ] {
            assert_eq!(plain_path(target), None, "{target}");
        }
    }

    #[test]
    fn a_wrong_rule_is_refused_with_words() {
        let refused = |change: &dyn Fn(&mut GatewaySettings)| {
            let mut settings = settings();
            change(&mut settings);
            compiled(&settings).unwrap_err()
        };
        let lower = refused(&|settings| _ = settings.methods.insert("get".into(), "content:read".into()));
        assert_eq!(
            lower,
            "gateway.methods: \"get\" must be a method in capitals, such as GET, or \"*\" for all others"
        );
        let partial = refused(&|settings| _ = settings.methods.remove("*"));
        assert_eq!(partial, "gateway.methods: must have \"*\", the permission for all methods that it does not name");
        for start in ["admin", "/admin/", "/a//b", "/%61dmin", "/a?b", "/../a", ""] {
            let rule = methods(&[("*", Permission::ContentRead)]);
            let reason = refused(&|settings| _ = settings.paths.insert(start.into(), rule.clone()));
            assert!(reason.starts_with(&format!("gateway.paths: {start:?} must be the start of a path")), "{reason}");
        }
        let empty = refused(&|settings| _ = settings.paths.insert("/x".into(), MethodPermissions::new()));
        assert!(empty.starts_with("gateway.paths.\"/x\": must have \"*\""), "{empty}");
    }
}
