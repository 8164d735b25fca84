//! What to do where AWS does not let the caller in. In: the error of a first call. Out: the end of its sentence, from
//! its `; ` on; empty where the error names its remedy itself.

use super::errors::{NO_CREDENTIALS, TLS_FAILED, denied};
use crate::fleet::ports::{CloudError, ErrorKind};

/// Where AWS does not say who the caller is.
pub fn of_identity(error: &CloudError) -> String {
    let log_in = "log in (aws sso login, AWS_PROFILE, AWS_ACCESS_KEY_ID) and try again";
    sentence(error, of_caller(error).unwrap_or(log_in))
}

/// Where AWS does not show what the settings name, to a caller that it knows.
pub fn of_look(error: &CloudError) -> String {
    let expired = "log in again (aws sso login, AWS_PROFILE, AWS_ACCESS_KEY_ID)";
    let other = if error.kind == ErrorKind::Expired {
        expired
    } else {
        "check the permissions, and balancer.name in config.toml"
    };
    sentence(error, of_caller(error).unwrap_or(other))
}

fn sentence(error: &CloudError, remedy: &str) -> String {
    if denied(&error.message).is_some() { String::new() } else { format!("; {remedy}") }
}

/// The remedies that are none of logging in. None: another one.
fn of_caller(error: &CloudError) -> Option<&'static str> {
    let says = |words: &str| error.message.contains(words);
    Some(match (error.kind, error.code.as_str()) {
        (ErrorKind::Throttled, _) => "too many requests come from this account: wait a minute and try again",
        (_, TLS_FAILED) if says("UnknownIssuer") => {
            "if a proxy opens TLS, name its certificate's file (PEM) in AWS_CA_BUNDLE or in the profile's ca_bundle"
        }
        (_, TLS_FAILED) if says("expired") || says("not valid yet") => {
            "set this machine's clock, or renew the certificate"
        }
        (_, TLS_FAILED) => "check the proxy, and the address in aws.endpoint_url or AWS_ENDPOINT_URL",
        (ErrorKind::Unavailable, _) if says("lookup address") => {
            "check the region's name, and that this machine finds names on the network"
        }
        (ErrorKind::Unavailable, _) => "check the network, the proxy and the region's name, and try again",
        (_, "RequestExpired" | "RequestTimeTooSkewed") => "set this machine's clock",
        (_, "SignatureDoesNotMatch") if says("expired") || says("not yet current") => "set this machine's clock",
        (_, "SignatureDoesNotMatch") => "check the secret key: it is not the access key's",
        (_, "RegionDisabledException") => {
            "let the account's administrator turn on STS in this region, or use another one"
        }
        (_, "OptInRequired") => "let the account's administrator enable the service or the region, or use another one",
        (_, "InvalidClientTokenId" | "UnrecognizedClientException" | "AuthFailure") => {
            "check that the region is enabled for the account, and that the access key still exists"
        }
        (ErrorKind::Expired, "AccessDenied" | "AccessDeniedException") => {
            "let the role trust this caller, or take another profile"
        }
        (_, "ForbiddenException") => "take a profile whose sso_account_id and sso_role_name are assigned to you",
        (_, NO_CREDENTIALS) if says("external process") => {
            "mend credential_process in the profile, or log in another way"
        }
        (_, NO_CREDENTIALS) if says("timed out") => "see why the source of the credentials is that slow, and try again",
        (_, NO_CREDENTIALS) if says("profile `") => "correct the profile in AWS's config file, or take another one",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_fits_the_reason() {
        let told = |kind, code: &str, message: &str| of_identity(&CloudError::new(kind, code, message));
        let (expired, unavailable) = (ErrorKind::Expired, ErrorKind::Unavailable);
        for (said, remedy) in [
            (told(expired, "SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2"), "clock"),
            (told(expired, "SignatureDoesNotMatch", "Signature not yet current: 1 is still later than 2"), "clock"),
            (told(expired, "SignatureDoesNotMatch", "The request signature we calculated differs"), "secret key"),
            (told(expired, "RequestExpired", "Request has expired"), "clock"),
            (told(expired, "RequestTimeTooSkewed", "The difference is too large"), "clock"),
            (told(expired, "InvalidClientTokenId", "The security token is invalid"), "region is enabled"),
            (told(expired, "UnrecognizedClientException", "The security token is invalid"), "region is enabled"),
            (told(ErrorKind::Refused, "OptInRequired", "You are not subscribed to this service"), "enable the service"),
            (told(ErrorKind::Refused, "RegionDisabledException", "STS is not activated"), "turn on STS"),
            (told(ErrorKind::Throttled, "Throttling", "Rate exceeded"), "wait a minute"),
            (told(unavailable, "NoAnswer", "no answer in time"), "the network"),
            (
                told(unavailable, "NoAnswer", "failed to lookup address information: Name or service not known"),
                "the region's name, and that",
            ),
            (told(unavailable, TLS_FAILED, "invalid peer certificate: UnknownIssuer"), "AWS_CA_BUNDLE"),
            (told(unavailable, TLS_FAILED, "invalid peer certificate: certificate expired: at 1"), "clock"),
            (told(unavailable, TLS_FAILED, "invalid peer certificate: certificate not valid yet: at 1"), "clock"),
            (told(unavailable, TLS_FAILED, "invalid peer certificate: NotValidForName"), "endpoint_url"),
            (told(expired, "AccessDenied", "User x may not perform sts:AssumeRole"), "trust this caller"),
            (told(expired, "ForbiddenException", "No access"), "sso_role_name"),
            (told(expired, NO_CREDENTIALS, "external process exited with code 1"), "credential_process"),
            (told(expired, NO_CREDENTIALS, "credentials provider timed out after 60 seconds"), "that slow"),
            (told(expired, NO_CREDENTIALS, "profile `base` was not defined: x"), "correct the profile"),
            (told(expired, "ExpiredToken", "The token has expired"), "log in"),
            (told(expired, "ExpiredTokenException", "The token has expired"), "log in"),
            (told(expired, NO_CREDENTIALS, "the SSO token has expired and cannot be refreshed"), "log in"),
        ] {
            assert!(said.contains(remedy), "{said} lacks {remedy}");
            assert_eq!(said.contains("log in (aws"), remedy == "log in", "{said}");
        }
        let throttled = of_look(&CloudError::new(ErrorKind::Throttled, "Throttling", ""));
        assert!(!throttled.contains("permissions"), "{throttled}");
        assert!(of_look(&CloudError::new(expired, "ExpiredToken", "")).contains("log in again"));
    }

    #[test]
    fn an_error_that_names_its_remedy_gets_no_other() {
        let denied =
            "it may not, with an explicit deny in a service control policy; an organization's policy denies it";
        let denied = CloudError::new(ErrorKind::Refused, "AccessDenied", denied);
        assert_eq!((of_identity(&denied), of_look(&denied)), (String::new(), String::new()));
    }
}
