//! Who calls: the account and partition of the credentials.

use super::{Aws, AwsError, calls};
use crate::ident::Arn;

/// Whom AWS knows the caller as.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// Twelve digits; empty when AWS does not say.
    pub(super) account: String,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub(super) partition: String,
}

impl Aws {
    /// Asks STS, which needs no permission.
    pub(super) async fn caller(&self) -> Result<Caller, AwsError> {
        let call = calls::GET_CALLER_IDENTITY;
        let told = self.sts().get_caller_identity().send().await;
        let told = told.map_err(|error| AwsError::of(call.service, call.operation, "", &error))?;
        let arn = told.arn().and_then(Arn::parse);
        Ok(Caller {
            account: told.account().or(arn.map(|arn| arn.account)).unwrap_or_default().to_owned(),
            partition: arn.map_or("aws", |arn| arn.partition).to_owned(),
        })
    }
}
