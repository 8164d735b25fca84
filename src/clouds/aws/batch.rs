//! Asking for many instances at once, where AWS answers for none if it does not know one. In: ids, and the call that
//! asks for them. Out: its answer for those that are known, and the ids that are not.

use crate::command::InstanceId;
use crate::fleet::ports::{CloudError, ErrorKind};

/// Asks for all, and again without those that AWS's error names as unknown. The answer is None where none are left.
pub async fn known<T, Answer: Future<Output = Result<T, CloudError>>>(
    ids: &[InstanceId],
    ask: impl Fn(Vec<InstanceId>) -> Answer,
) -> Result<(Option<T>, Vec<InstanceId>), CloudError> {
    let (mut asked, mut unknown) = (ids.to_vec(), Vec::new());
    while !asked.is_empty() {
        match ask(asked.clone()).await {
            Ok(answer) => return Ok((Some(answer), unknown)),
            Err(error) if error.kind == ErrorKind::NotFound => {
                let is_alone = asked.len() == 1;
                let (named, others): (Vec<_>, Vec<_>) =
                    asked.into_iter().partition(|id| is_alone || error.instances.contains(id));
                if named.is_empty() {
                    return Err(error);
                }
                unknown.extend(named);
                asked = others;
            }
            Err(error) => return Err(error),
        }
    }
    Ok((None, unknown))
}
