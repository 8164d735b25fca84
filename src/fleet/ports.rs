//! The port through which the fleet is seen and changed. In: ids and counts. Out: instances, their health on the load
//! balancer, and errors sorted by what is to be done about them.
//!
//! A `Cloud` is made for one fleet and one load balancer, so its calls name neither. Another cloud is a file that
//! implements it and a line where a command chooses it.

use std::future::Future;

use jiff::Timestamp;

use crate::command::InstanceId;

/// The tag that makes an instance part of a fleet; its value is the fleet's name.
pub const FLEET_TAG: &str = "handwave:fleet";
/// The tag that marks an instance to be retired; its value is when that was asked, for people. Any value counts.
pub const RETIRING_TAG: &str = "handwave:retiring";

/// An instance's state, as EC2 names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceState {
    Pending,
    Running,
    ShuttingDown,
    Terminated,
    Stopping,
    Stopped,
}

/// An instance that carries the fleet's tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    pub id: InstanceId,
    pub state: InstanceState,
    pub launched: Timestamp,
    /// Whether it carries [`RETIRING_TAG`].
    pub retiring: bool,
    /// Why it is in its state (EC2's StateReason), where the cloud says it.
    pub reason: Option<String>,
}

/// How an instance stands with the load balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Registered, not yet checked ("Instance registration is still in progress").
    Registering,
    InService,
    /// Registered, fails its checks.
    OutOfService,
    /// No longer registered, still finishing requests ("Instance deregistration currently in progress").
    Draining,
    NotRegistered,
}

impl Health {
    /// Whether the balancer may send requests to it.
    pub fn is_registered(self) -> bool {
        matches!(self, Health::Registering | Health::InService | Health::OutOfService)
    }
}

/// What is to be done about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Back off and try again; nothing was done.
    Throttled,
    /// The cloud has no room for a launch; nothing was launched.
    Capacity,
    /// Nothing can be changed until somebody renews the credentials.
    Expired,
    /// An id is not there yet, or no more: look again. Nothing was done, to no id of the batch.
    NotFound,
    /// The cloud will not do it: say why and drop it.
    Refused,
    /// No answer that can be relied on: whether it was done is unknown.
    Unavailable,
}

/// An error, sorted by its code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct CloudError {
    pub kind: ErrorKind,
    /// The cloud's own code, such as `InsufficientInstanceCapacity`.
    pub code: String,
    pub message: String,
    /// The instances it is about, where the cloud names them.
    pub instances: Vec<InstanceId>,
}

impl CloudError {
    /// An error with its kind found by its code; a code that is not known is a refusal.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        CloudError { kind: kind_of(code), code: code.to_owned(), message: message.into(), instances: Vec::new() }
    }

    /// The same, about these instances.
    pub fn about(self, instances: Vec<InstanceId>) -> Self {
        CloudError { instances, ..self }
    }

    /// No answer came: a lost reply, a cut connection, a time-out.
    pub fn no_answer(message: impl Into<String>) -> Self {
        CloudError::new("NoAnswer", message)
    }
}

fn kind_of(code: &str) -> ErrorKind {
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
        | "SignatureDoesNotMatch"
        | "NoCredentials" => ErrorKind::Expired,
        // The first is EC2's, the second the classic load balancer's, also for an id that is not registered.
        "InvalidInstanceID.NotFound" | "InvalidInstance" => ErrorKind::NotFound,
        "NoAnswer" | "InternalError" | "InternalFailure" | "ServiceUnavailable" | "Unavailable" | "RequestTimeout" => {
            ErrorKind::Unavailable
        }
        _ => ErrorKind::Refused,
    }
}

/// A fleet's instances and its load balancer. No call waits for its effect, none retries by itself, and each takes all
/// the instances of a batch at once: where one of them is bad, the cloud refuses the whole batch.
pub trait Cloud: Send + Sync + 'static {
    /// Every instance with the fleet's tag in any state, over all pages. A fresh launch may be missing for a while, a
    /// terminated instance is shown for about an hour.
    fn instances(&self) -> impl Future<Output = Result<Vec<Instance>, CloudError>> + Send;

    /// How every registered instance stands, and each one of `also`: a balancer does not list what has been
    /// deregistered, and tells by id alone whether it still drains. One read, two where `also` names any.
    fn balancer(
        &self,
        also: &[InstanceId],
    ) -> impl Future<Output = Result<Vec<(InstanceId, Health)>, CloudError>> + Send;

    /// Launches 1 to `count` instances that carry the fleet's tag from birth: RunInstances with MinCount 1. The same
    /// `token` (64 ASCII characters at most) with the same `count` launches nothing more and answers the same ids.
    fn launch(&self, count: usize, token: &str) -> impl Future<Output = Result<Vec<InstanceId>, CloudError>> + Send;

    /// Tags them [`RETIRING_TAG`] with this time.
    fn tag_retiring(&self, ids: &[InstanceId], at: Timestamp) -> impl Future<Output = Result<(), CloudError>> + Send;

    /// Registers running instances; one that is registered already stays so.
    fn register(&self, ids: &[InstanceId]) -> impl Future<Output = Result<(), CloudError>> + Send;

    /// Takes them off the balancer, which then drains them. One that is not registered is an error.
    fn deregister(&self, ids: &[InstanceId]) -> impl Future<Output = Result<(), CloudError>> + Send;

    /// Terminates them; one that is terminated already stays so.
    fn terminate(&self, ids: &[InstanceId]) -> impl Future<Output = Result<(), CloudError>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_sorted_by_code() {
        let kind = |code| CloudError::new(code, "").kind;
        assert_eq!(kind("Throttling"), ErrorKind::Throttled);
        assert_eq!(kind("VcpuLimitExceeded"), ErrorKind::Capacity);
        assert_eq!(kind("RequestExpired"), ErrorKind::Expired);
        assert_eq!(kind("InvalidInstanceID.NotFound"), ErrorKind::NotFound);
        assert_eq!(kind("OperationNotPermitted"), ErrorKind::Refused);
        assert_eq!(kind("UnauthorizedOperation"), ErrorKind::Refused);
        assert_eq!(kind("InternalError"), ErrorKind::Unavailable);
        assert_eq!(CloudError::no_answer("").kind, ErrorKind::Unavailable);
    }
}
