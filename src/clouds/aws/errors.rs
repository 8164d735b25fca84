//! AWS's errors, sorted. In: an error of any call. Out: a [`CloudError`], whose kind says what is to be done. The one
//! place that knows AWS's error codes by their kind.

use std::error::Error;
use std::io;

use aws_config::meta::ProviderChainError;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::error::ErrorMetadata;

use crate::command::InstanceId;
use crate::fleet::ports::{CloudError, ErrorKind};

/// The code where a certificate is not trusted, or TLS fails otherwise: no request was sent.
pub const TLS_FAILED: &str = "TlsFailed";
/// The code where the source of the credentials gives none.
pub const NO_CREDENTIALS: &str = "NoCredentials";

/// What AWS said, or why it was not reached.
pub fn sorted<E: Error + ProvideErrorMetadata + 'static>(error: SdkError<E>) -> CloudError {
    match &error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            told(status, answer.err().code(), answer.err().message())
        }
        // The answer was cut off or is no answer of AWS's: what it would have said is unknown.
        SdkError::ResponseError(_) => CloudError::no_answer(format!("the answer cannot be read: {}", deepest(&error))),
        SdkError::TimeoutError(_) => CloudError::no_answer("no answer in time"),
        _ => unsent(&error),
    }
}

/// A request that AWS did not get: there were no credentials for it, or no way to AWS.
fn unsent(error: &(dyn Error + 'static)) -> CloudError {
    if let Some(untrusted) = find::<rustls::Error>(error) {
        return CloudError::new(ErrorKind::Unavailable, TLS_FAILED, plain(&untrusted.to_string()));
    }
    if let Some(none) = find::<CredentialsError>(error) {
        return no_credentials(none);
    }
    match find::<ConnectorError>(error) {
        Some(_) => CloudError::no_answer(format!("AWS cannot be reached: {}", deepest(error))),
        None => CloudError::new(ErrorKind::Refused, "InvalidRequest", deepest(error)),
    }
}

/// Why there are no credentials: what AWS said to a log-in of the SDK's own (a role, single sign-on), else the reason
/// of the source that failed.
fn no_credentials(error: &CredentialsError) -> CloudError {
    if let Some(answer) = find::<ErrorMetadata>(error)
        && let Some(code) = answer.code()
    {
        let told = told(400, Some(code), answer.message());
        // Refused to the log-in, which is not the call's own refusal.
        let kind = if told.kind == ErrorKind::Refused { ErrorKind::Expired } else { told.kind };
        return CloudError { kind, ..told };
    }
    if !matches!(error, CredentialsError::CredentialsNotLoaded(_)) && find::<ConnectorError>(error).is_some() {
        return CloudError::no_answer(format!("the source of the credentials cannot be reached: {}", deepest(error)));
    }
    let told = match find::<ProviderChainError<CredentialsError>>(error) {
        None => deepest(error),
        Some(chain) => {
            let profile = chain.attempts().iter().find(|attempt| attempt.name() == "Profile");
            let reason = profile.and_then(|attempt| attempt.error().source()).map(deepest);
            reason.unwrap_or_else(|| "none in the environment, in the profile or in a role of this machine".to_owned())
        }
    };
    CloudError::new(ErrorKind::Expired, NO_CREDENTIALS, told)
}

/// An error that came with an HTTP status and perhaps a code.
fn told(status: u16, code: Option<&str>, message: Option<&str>) -> CloudError {
    let message = plain(message.unwrap_or_default());
    let mut error = match code {
        Some(code) if !code.is_empty() => CloudError::new(kind(code, &message), code, message),
        // A broken success, or a proxy's own page.
        _ => CloudError::new(ErrorKind::Refused, &format!("HTTP{status}"), "the answer is not one of AWS's"),
    };
    // A server's failure that has no known code may still have done its work.
    if error.kind == ErrorKind::Refused && !(400..500).contains(&status) {
        error.kind = ErrorKind::Unavailable;
    }
    let instances = instances(&error.message);
    if let Some(remedy) = denied(&error.message) {
        error.message += &format!("; {remedy}");
    }
    error.about(instances)
}

/// What is to be done about a code, and its message where the code alone does not tell; one that is not known is a
/// refusal.
fn kind(code: &str, message: &str) -> ErrorKind {
    match code {
        "RequestLimitExceeded"
        | "Throttling"
        | "ThrottlingException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "EC2ThrottledException"
        | "TooManyRequestsException"
        // The load balancers': what they depend on is throttled, or an earlier request is not done.
        | "DependencyThrottle"
        | "PriorRequestNotComplete" => ErrorKind::Throttled,
        "InsufficientInstanceCapacity"
        | "InsufficientHostCapacity"
        | "InsufficientReservedInstanceCapacity"
        | "InsufficientFreeAddressesInSubnet"
        | "InstanceLimitExceeded"
        | "VcpuLimitExceeded"
        | "MaxSpotInstanceCountExceeded" => ErrorKind::Capacity,
        "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "RequestTimeTooSkewed"
        | "AuthFailure"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch" => ErrorKind::Expired,
        "InvalidInstanceID.NotFound" => ErrorKind::NotFound,
        // The classic load balancer's. Its other reasons, such as another VPC, no waiting mends.
        "InvalidInstance" if says(message, &UNKNOWN) => ErrorKind::NotFound,
        // A target group's, of an instance that it does not see running yet. Its other reasons stay, too.
        "InvalidTarget" if says(message, &["not in a running state"]) => ErrorKind::NotFound,
        "LoadBalancerNotFound" | "AccessPointNotFound" | "TargetGroupNotFound" => ErrorKind::NoBalancer,
        // Another call has the client token, or what it launched has ended.
        "IdempotentParameterMismatch" | "IdempotentInstanceTerminated" => ErrorKind::Taken,
        "InternalError" | "InternalFailure" | "ServiceUnavailable" | "Unavailable" | "RequestTimeout" => {
            ErrorKind::Unavailable
        }
        _ => ErrorKind::Refused,
    }
}

/// How the classic load balancer says that it does not know an instance, or not any more.
const UNKNOWN: [&str; 4] = ["could not find", "does not exist", "not registered", "not currently registered"];

/// Whether AWS's message has one of these words, whatever the case.
fn says(message: &str, words: &[&str]) -> bool {
    let message = message.to_ascii_lowercase();
    words.iter().any(|words| message.contains(words))
}

/// Whether the caller is not allowed to ask.
pub fn is_denied(error: &CloudError) -> bool {
    matches!(error.code.as_str(), "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException")
}

/// Who can change a denial that no permission of the caller's outweighs, by AWS's words: "with an explicit deny in a
/// TYPE policy", "because no TYPE policy allows". None: it is no denial, or the caller's own policy lacks the
/// permission.
pub fn denied(message: &str) -> Option<&'static str> {
    let denies = |who: &str| {
        ["explicit deny in a ", "explicit deny in an ", "because no "]
            .iter()
            .any(|words| says(message, &[&format!("{words}{who}")]))
    };
    Some(match () {
        () if denies("service control policy") || denies("resource control policy") => {
            "an organization's policy denies it, which outweighs every permission: ask the organization's administrator"
        }
        () if denies("permissions boundary") => {
            "the caller's permissions boundary denies it, which outweighs every permission: ask the account's administrator"
        }
        () if denies("session policy") => "the log-in's session policy denies it: log in with another role",
        () if denies("vpc endpoint policy") => "the VPC endpoint's policy denies it: ask the network's administrator",
        () if says(message, &["explicit deny"]) => {
            "a Deny in a policy outweighs every Allow: ask the account's administrator to take it out"
        }
        () => return None,
    })
}

/// AWS's words as the end of a sentence, on one line and without the long secret-looking blob that a refused
/// permission comes with.
fn plain(message: &str) -> String {
    let told = message.split("Encoded authorization failure message").next().unwrap_or_default();
    let words: Vec<&str> = told.split_whitespace().collect();
    match words.join(" ").trim_end_matches(['.', ' ']) {
        "" => "no reason is given".to_owned(),
        told => told.to_owned(),
    }
}

/// The instances that a message names: `i-` and 8 or 17 hexadecimal digits.
fn instances(message: &str) -> Vec<InstanceId> {
    let words = message.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    let is_id = |word: &&str| {
        word.strip_prefix("i-")
            .is_some_and(|digits| matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    words.filter(is_id).map(InstanceId::from).collect()
}

/// An error and what it comes of. What an I/O error carries is not its source, but its own self in another form.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let carried: Option<&(dyn Error + 'static)> = match error.downcast_ref::<io::Error>() {
            Some(error) => error.get_ref().map(|carried| -> &(dyn Error + 'static) { carried }),
            None => None,
        };
        carried.or(error.source())
    })
}

fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// The innermost error, which says what happened; the outer ones say where in the SDK.
pub fn deepest(error: &(dyn Error + 'static)) -> String {
    plain(&chain(error).last().map(ToString::to_string).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_sorted_by_code() {
        for (code, expected) in [
            ("Throttling", ErrorKind::Throttled),
            ("PriorRequestNotComplete", ErrorKind::Throttled),
            ("VcpuLimitExceeded", ErrorKind::Capacity),
            ("RequestExpired", ErrorKind::Expired),
            ("RequestTimeTooSkewed", ErrorKind::Expired),
            ("InvalidInstanceID.NotFound", ErrorKind::NotFound),
            ("OperationNotPermitted", ErrorKind::Refused),
            // Of a start or a stop: it ends, or is on its way elsewhere.
            ("IncorrectInstanceState", ErrorKind::Refused),
            ("InsufficientInstanceCapacity", ErrorKind::Capacity),
            ("UnauthorizedOperation", ErrorKind::Refused),
            ("TargetGroupNotFound", ErrorKind::NoBalancer),
            ("LoadBalancerNotFound", ErrorKind::NoBalancer),
            ("TooManyTargets", ErrorKind::Refused),
            ("InternalError", ErrorKind::Unavailable),
        ] {
            assert_eq!(kind(code, ""), expected, "{code}");
        }
        assert_eq!(CloudError::no_answer("").kind, ErrorKind::Unavailable);
    }

    #[test]
    fn what_waiting_mends_is_told_from_what_it_does_not() {
        for (code, message, expected) in [
            ("InvalidInstance", "Could not find EC2 instance i-0123456789abcdef0.", ErrorKind::NotFound),
            ("InvalidInstance", "EC2 instance i-0123456789abcdef0 is not in the same VPC as ELB.", ErrorKind::Refused),
            (
                "InvalidInstance",
                "Instance i-0123456789abcdef0 is not currently registered with it",
                ErrorKind::NotFound,
            ),
            (
                "InvalidTarget",
                "The following targets are not in a running state and cannot be registered: 'i-0123456789abcdef0'",
                ErrorKind::NotFound,
            ),
            (
                "InvalidTarget",
                "The following targets are not in the same VPC: 'i-0123456789abcdef0'",
                ErrorKind::Refused,
            ),
        ] {
            let error = told(400, Some(code), Some(message));
            assert_eq!((error.kind, error.instances.len()), (expected, 1), "{message}");
        }
    }

    #[test]
    fn a_denial_names_who_can_change_it() {
        let begins = "User: arn:aws:iam::123456789012:user/x is not authorized to perform: ec2:RunInstances on resource: \
                      arn:aws:ec2:us-east-1:123456789012:volume/*";
        for (ends, who) in [
            ("with an explicit deny in a service control policy", "organization's administrator"),
            (
                "with an explicit deny in a service control policy: arn:aws:organizations::1:policy/o-1/p-1",
                "organization's administrator",
            ),
            ("because no service control policy allows the ec2:RunInstances action", "organization's administrator"),
            ("with an explicit deny in a resource control policy", "organization's administrator"),
            ("with an explicit deny in a permissions boundary", "permissions boundary denies it"),
            ("because no permissions boundary allows the ec2:RunInstances action", "permissions boundary denies it"),
            ("with an explicit deny in a session policy", "another role"),
            ("because no VPC endpoint policy allows the ec2:RunInstances action", "network's administrator"),
            ("with an explicit deny in an identity-based policy", "a Deny in a policy"),
            ("with an explicit deny", "a Deny in a policy"),
        ] {
            let error = told(403, Some("UnauthorizedOperation"), Some(&format!("{begins} {ends}")));
            assert!(error.message.contains(ends) && error.message.contains(who), "{error}");
        }
        for ends in ["because no identity-based policy allows the ec2:RunInstances action", ""] {
            assert_eq!(denied(&format!("{begins} {ends}")), None);
        }
    }

    #[test]
    fn an_io_error_hides_no_tls_error() {
        let untrusted = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let error = unsent(&io::Error::other(io::Error::new(io::ErrorKind::InvalidData, untrusted)));
        assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Unavailable, TLS_FAILED));
        assert_eq!(error.message, "invalid peer certificate: UnknownIssuer");
    }

    #[test]
    fn a_log_in_that_aws_refuses_says_what_aws_said() {
        let refused = ErrorMetadata::builder().code("AccessDenied").message("User x may not AssumeRole").build();
        let error = unsent(&CredentialsError::provider_error(refused));
        assert_eq!(
            (error.kind, error.to_string().as_str()),
            (ErrorKind::Expired, "AccessDenied: User x may not AssumeRole")
        );
        let throttled = ErrorMetadata::builder().code("Throttling").message("Rate exceeded").build();
        assert_eq!(unsent(&CredentialsError::provider_error(throttled)).kind, ErrorKind::Throttled);
        let process =
            unsent(&CredentialsError::provider_error("external process exited with code 1. Stderr:\nno key\n"));
        assert_eq!(process.to_string(), "NoCredentials: external process exited with code 1. Stderr: no key");
    }

    #[test]
    fn the_instances_are_those_that_the_message_names() {
        let error = told(
            400,
            Some("InvalidInstanceID.NotFound"),
            Some("The instance IDs 'i-0123456789abcdef0, i-1a2b3c4d' do not exist"),
        );
        assert_eq!(error.kind, ErrorKind::NotFound);
        assert_eq!(error.instances, ["i-0123456789abcdef0".into(), "i-1a2b3c4d".into()]);
        let arn = "not authorized to perform: ec2:TerminateInstances on resource: arn:aws:ec2:x:1:instance/i-0123456789abcdef0 because";
        assert_eq!(told(403, Some("UnauthorizedOperation"), Some(arn)).instances.len(), 1);
        assert_eq!(told(400, Some("X"), Some("in i-am-no-id, ami-12345678, i-1234567z")).instances, []);
    }

    #[test]
    fn a_refused_permission_is_told_without_its_blob() {
        let long = "You are not authorized. Encoded authorization failure message: AbC_i-12345678";
        let error = told(403, Some("UnauthorizedOperation"), Some(long));
        assert_eq!(error.to_string(), "UnauthorizedOperation: You are not authorized");
        assert_eq!((error.kind, error.instances), (ErrorKind::Refused, vec![]));
    }

    #[test]
    fn what_may_have_been_done_is_unknown() {
        assert_eq!(told(500, None, None).kind, ErrorKind::Unavailable);
        assert_eq!(told(503, Some("Strange"), None).kind, ErrorKind::Unavailable);
        assert_eq!(told(200, None, None).kind, ErrorKind::Unavailable);
        assert_eq!(told(403, None, None).kind, ErrorKind::Refused);
        assert_eq!(told(503, Some("RequestLimitExceeded"), None).kind, ErrorKind::Throttled);
        assert_eq!(told(500, Some("InsufficientInstanceCapacity"), None).kind, ErrorKind::Capacity);
    }
}
