//! `Stripe-Signature`: `t=SECONDS,v1=HEX,…`, HMAC-SHA256 over `SECONDS.BODY` with the endpoint's secret. While secrets
//! rotate, Stripe sends one `v1` for each. Source: <https://docs.stripe.com/webhooks#verify-manually>.

use crate::base::error::ApiError;
use crate::base::time::Timestamp;
use crate::domain::access::CallerProof;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

/// How far Stripe's clock and ours may differ, including the time of the transport.
const TOLERANCE: Duration = Duration::from_secs(300);

/// Verifies that the body was signed with one of the secrets within five minutes of `now`. Cost: one HMAC for each
/// secret. The comparison takes the same time wherever the texts differ.
///
/// # Errors
/// `bad_request` that says what is wrong, and nothing of the secrets or the body.
pub fn verify(
    header: Option<&str>,
    body: &[u8],
    secrets: &[SecretString],
    now: Timestamp,
) -> Result<CallerProof, ApiError> {
    let header = header.ok_or_else(|| ApiError::bad_request("There must be exactly one Stripe-Signature header."))?;
    let (time, signatures) = parse(header).ok_or_else(|| {
        ApiError::bad_request("The Stripe-Signature header must have the form t=SECONDS,v1=SIGNATURE.")
    })?;
    let is_good = secrets.iter().any(|secret| {
        let expected = sign(secret, time, body);
        // Not `any`: its time would depend on the position of the matching signature.
        let equal = |given: &&str| verify_slices_are_equal(expected.as_bytes(), given.as_bytes()).is_ok();
        signatures.iter().filter(|given| equal(given)).count() > 0
    });
    if !is_good {
        return Err(ApiError::bad_request("No signature in the Stripe-Signature header fits the body."));
    }
    let seconds: i64 = time.parse().map_err(|_| ApiError::bad_request("The signature's time is not a number."))?;
    if now.seconds().abs_diff(seconds) > TOLERANCE.as_secs() {
        return Err(ApiError::bad_request("The signature's time is more than five minutes from now."));
    }
    Ok(CallerProof::signature())
}

/// Returns the time and all `v1` signatures. Other schemes, such as `v0`, prove nothing.
fn parse(header: &str) -> Option<(&str, Vec<&str>)> {
    let mut time = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        let (name, value) = part.trim().split_once('=')?;
        match name {
            "t" if time.is_some() || value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) => {
                return None;
            }
            "t" => time = Some(value),
            "v1" => signatures.push(value),
            _ => {}
        }
    }
    Some((time?, signatures)).filter(|(_, signatures)| !signatures.is_empty())
}

/// Returns the signature in lower-case hex.
fn sign(secret: &SecretString, time: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(time.as_bytes());
    context.update(b".");
    context.update(body);
    HEXLOWER.encode(context.sign().as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_that_other_tools_make() {
        // printf '1492774577.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test_secret_of_this_test
        let secret = SecretString::from("whsec_test_secret_of_this_test");
        assert_eq!(sign(&secret, "1492774577", br#"{"id":"evt_1"}"#), EXPECTED);
    }

    const EXPECTED: &str = "c8868c2d255a744330649559c54f77861f20f4b8deef603421fa04289a89c67e";

    #[test]
    fn a_header_is_read_or_refused() {
        assert_eq!(parse("t=12,v1=ab,v0=cd, v1=ef"), Some(("12", vec!["ab", "ef"])));
        for bad in
            ["", "t=12", "v1=ab", "t=,v1=ab", "t=-5,v1=ab", "t=1,t=2,v1=ab", "t=12,v1", "t=12;v1=ab", "t=12,v0=a"]
        {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
