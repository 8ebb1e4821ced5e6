//! The normal form of every address that the grammar has, and of everything else.

use super::*;
use lettre::message::Mailbox;
use proptest::prelude::*;

fn normal(text: &str) -> Option<String> {
    text.parse().ok().map(Email::into_string)
}

/// RFC 5322's dot-atom, with letters beyond ASCII (RFC 6532).
fn local_part() -> impl Strategy<Value = String> {
    "[A-Za-z0-9!#$%&'*+/=?^_`{|}~éÉßñЖ例-]{1,8}(\\.[A-Za-z0-9+_-]{1,8}){0,2}"
}

/// Labels of letters, digits and hyphens, in ASCII or not.
fn domain() -> impl Strategy<Value = String> {
    "([A-Za-z0-9]{1,8}(-[a-z0-9]{1,4})?\\.|[büéñ]{1,4}[a-z]{1,4}\\.|例え\\.){1,3}(com|COM|example|рф)"
}

proptest! {
    /// An address of the grammar is accepted. Its normal form is its own, reads the same by the mailer, and is that of
    /// any other case of its ASCII letters.
    #[test]
    fn each_address_of_the_grammar_has_one_normal_form(local in local_part(), domain in domain()) {
        let text = format!("{local}@{domain}");
        let found = normal(&text);
        prop_assert!(found.is_some(), "{}", text);
        let found = found.unwrap_or_default();
        prop_assert_eq!(normal(&found), Some(found.clone()));
        let mailbox: Mailbox = found.parse().unwrap();
        prop_assert_eq!((mailbox.name, mailbox.email.to_string()), (None, found.clone()));
        let (own_local, own_domain) = found.rsplit_once('@').unwrap();
        prop_assert!(own_domain.is_ascii() && own_domain == own_domain.to_ascii_lowercase());
        prop_assert!(!own_local.bytes().any(|byte| byte.is_ascii_uppercase()));
        prop_assert_eq!(normal(&text.to_ascii_uppercase()), Some(found.clone()));
        // The domain's other spelling, and the decomposed text, are the same address.
        let (unicode, valid) = idna::domain_to_unicode(own_domain);
        prop_assert!(valid.is_ok());
        prop_assert_eq!(normal(&format!("{own_local}@{unicode}")), Some(found.clone()));
        let decomposed = icu_normalizer::DecomposingNormalizerBorrowed::new_nfd().normalize(&text).into_owned();
        prop_assert_eq!(normal(&decomposed), Some(found));
    }

    /// Whatever is accepted, the mailer sends to exactly that, and to no one else.
    #[test]
    fn what_is_accepted_is_what_gets_the_mail(text in prop_oneof![
        ".{0,20}",
        "[a-z<>\"\\\\ (),:;@.\r\n]{0,8}@?[a-z<>@.]{0,8}\\.[a-z>]{1,4}",
    ]) {
        if let Some(found) = normal(&text) {
            let mailbox: Mailbox = found.parse().unwrap();
            prop_assert_eq!((mailbox.name, mailbox.email.to_string()), (None, found.clone()));
            prop_assert!(found.matches('@').count() == 1 && !found.contains(['<', '>', '"', ',', '\r', '\n', ' ']));
            prop_assert_eq!(normal(&found), Some(found));
        }
    }

    /// All spellings that find the same stored address count as one.
    #[test]
    fn spellings_of_one_account_share_a_limit(local in local_part(), domain in domain()) {
        let typed: TypedEmail = format!("{local}@{domain}").parse().unwrap();
        for stored in typed.stored_forms() {
            let other: TypedEmail = stored.parse().unwrap();
            prop_assert_eq!(other.limit_key(), typed.limit_key());
        }
        let upper: TypedEmail = format!("{local}@{domain}").to_ascii_uppercase().parse().unwrap();
        prop_assert_eq!(upper.limit_key(), typed.limit_key());
    }
}

#[test]
fn equal_addresses_have_one_form_and_different_ones_two() {
    for (text, form) in [
        ("Ada@Example.COM", "ada@example.com"),
        ("ada+news@example.com", "ada+news@example.com"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
        ("ada@XN--BCHER-KVA.example", "ada@xn--bcher-kva.example"),
        ("e\u{301}va@example.com", "éva@example.com"),
        ("Éva@example.com", "Éva@example.com"),
        ("ada@straße.example", "ada@xn--strae-oqa.example"),
    ] {
        assert_eq!(normal(text).as_deref(), Some(form), "{text}");
    }
}

#[test]
fn what_is_no_plain_address_is_refused() {
    let long = format!("{}@{}.example", "a".repeat(64), "b.".repeat(100));
    for bad in [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@127.0.0.1",
        "ada@example.123",
        "ada@example",
        "a@b@example.com",
        "a b@example.com",
        " ada@example.com",
        "a@b..c",
        "a..b@example.com",
        ".a@example.com",
        "ada@example.com.",
        "ada@-a.example",
        "ada@a_b.example",
        "ada@[192.0.2.1]",
        "nN<victim@example.com>",
        "victim@example.com>",
        "\"ada\"@example.com",
        "\"a@b\"@example.com",
        "ada@example.com\r\nBcc: a@b.c",
        "a\u{200b}da@example.com",
        "ada@exa\u{ad}mple.com",
        "\u{212a}ate@example.com",
        "kate@\u{212a}elly.example",
        "ada@\u{ff45}xample.com",
        "ada@mis\u{17f}.example",
        &format!("{}@example.com", "a".repeat(65)),
        &long,
    ] {
        assert_eq!(normal(bad), None, "{bad:?}");
    }
}

#[test]
fn an_account_of_an_older_form_is_found_as_ever_before_any_other() {
    let forms = |text: &str| -> Vec<String> {
        let typed: TypedEmail = text.parse().unwrap();
        typed.stored_forms().into_iter().map(str::to_owned).collect()
    };
    assert_eq!(forms("Ada@Example.com"), ["ada@example.com", "ada@example.com"]);
    assert_eq!(forms("Ada@Bücher.example"), ["ada@bücher.example", "ada@xn--bcher-kva.example"]);
    assert_eq!(forms("ada@xn--bcher-kva.example"), ["ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"]);
    assert_eq!(forms("Éva@example.com"), ["Éva@example.com", "éva@example.com"]);
    assert_eq!(forms("A..B@example.com"), ["a..b@example.com"]);
    for bad in ["", "ada", "a b@example.com", "ada@example", "\u{212a}ate@example.com", "kate@\u{212a}elly.example"] {
        assert!(bad.parse::<TypedEmail>().is_err(), "{bad}");
    }
}
