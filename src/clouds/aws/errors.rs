//! AWS's errors, sorted. In: an error of any call. Out: a [`CloudError`], whose kind says what is to be done. The one place
//! that knows AWS's error codes by their kind.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};

use crate::command::InstanceId;
use crate::fleet::ports::{CloudError, ErrorKind};

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
        _ if has_no_credentials(&error) => CloudError::new(ErrorKind::Expired, "NoCredentials", deepest(&error)),
        SdkError::DispatchFailure(_) => CloudError::no_answer(format!("AWS cannot be reached: {}", deepest(&error))),
        _ => CloudError::new(ErrorKind::Refused, "InvalidRequest", deepest(&error)),
    }
}

/// An error that came with an HTTP status and perhaps a code.
fn told(status: u16, code: Option<&str>, message: Option<&str>) -> CloudError {
    let message = plain(message.unwrap_or_default());
    let mut error = match code {
        Some(code) if !code.is_empty() => CloudError::new(kind(code), code, message),
        // A broken success, or a proxy's own page.
        _ => CloudError::new(ErrorKind::Refused, &format!("HTTP{status}"), "the answer is not one of AWS's"),
    };
    // A server's failure that has no known code may still have done its work.
    if error.kind == ErrorKind::Refused && !(400..500).contains(&status) {
        error.kind = ErrorKind::Unavailable;
    }
    let instances = instances(&error.message);
    error.about(instances)
}

/// What is to be done about a code; one that is not known is a refusal.
fn kind(code: &str) -> ErrorKind {
    match code {
        "RequestLimitExceeded"
        | "Throttling"
        | "ThrottlingException"
        | "RequestThrottled"
        | "EC2ThrottledException"
        | "TooManyRequestsException" => ErrorKind::Throttled,
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
        | "AuthFailure"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch" => ErrorKind::Expired,
        // The first is EC2's, the second the classic load balancer's, also for an id that is not registered.
        "InvalidInstanceID.NotFound" | "InvalidInstance" => ErrorKind::NotFound,
        "LoadBalancerNotFound" | "AccessPointNotFound" | "TargetGroupNotFound" => ErrorKind::NoBalancer,
        // Another call has the client token, or what it launched has ended.
        "IdempotentParameterMismatch" | "IdempotentInstanceTerminated" => ErrorKind::Taken,
        "InternalError" | "InternalFailure" | "ServiceUnavailable" | "Unavailable" | "RequestTimeout" => {
            ErrorKind::Unavailable
        }
        _ => ErrorKind::Refused,
    }
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

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn has_no_credentials(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(|error| error.is::<CredentialsError>())
}

/// The innermost error, which says what happened; the outer ones say where in the SDK.
fn deepest(error: &(dyn Error + 'static)) -> String {
    plain(&chain(error).last().map(ToString::to_string).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_sorted_by_code() {
        assert_eq!(kind("Throttling"), ErrorKind::Throttled);
        assert_eq!(kind("VcpuLimitExceeded"), ErrorKind::Capacity);
        assert_eq!(kind("RequestExpired"), ErrorKind::Expired);
        assert_eq!(kind("InvalidInstanceID.NotFound"), ErrorKind::NotFound);
        assert_eq!(kind("OperationNotPermitted"), ErrorKind::Refused);
        assert_eq!(kind("UnauthorizedOperation"), ErrorKind::Refused);
        assert_eq!(kind("InternalError"), ErrorKind::Unavailable);
        assert_eq!(CloudError::no_answer("").kind, ErrorKind::Unavailable);
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
