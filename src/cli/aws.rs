//! The options that say whom to talk to at AWS, and as whom.

use leastwise::aws::{AssumeRole, AwsError, Settings};
use leastwise::ident::Arn;

use super::Failure;

/// What is not given comes from the environment and the files all AWS tools share.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "AWS")]
pub(super) struct AwsArgs {
    /// Profile of the AWS configuration files [default: AWS_PROFILE]
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,
    /// Region to talk to [default: AWS_REGION, then the profile's]
    #[arg(long, value_name = "REGION")]
    pub(super) region: Option<String>,
    /// Another endpoint than AWS's [default: AWS_ENDPOINT_URL]
    #[arg(long, value_name = "URL")]
    pub(super) endpoint_url: Option<String>,
    /// Put bucket names into the path, as most servers other than AWS's want it
    #[arg(long)]
    pub(super) path_style: bool,
    /// Pay for requests and transfer of a requester-pays bucket
    #[arg(long)]
    pub(super) request_payer: bool,
    /// Take on this role before anything is read
    #[arg(long, value_name = "ARN")]
    pub(super) assume_role: Option<String>,
    /// The external id that role's trust policy asks for
    #[arg(long, value_name = "ID")]
    pub(super) external_id: Option<String>,
}

impl AwsArgs {
    /// The command line wins over the settings file, option by option.
    pub(super) fn over(self, configured: Self) -> Self {
        Self {
            profile: self.profile.or(configured.profile),
            region: self.region.or(configured.region),
            endpoint_url: self.endpoint_url.or(configured.endpoint_url),
            path_style: self.path_style || configured.path_style,
            request_payer: self.request_payer || configured.request_payer,
            assume_role: self.assume_role.or(configured.assume_role),
            external_id: self.external_id.or(configured.external_id),
        }
    }

    pub(super) fn settings(self) -> Result<Settings, Failure> {
        if let Some(role) = &self.assume_role
            && Arn::parse(role).is_none_or(|arn| arn.role_name().is_none())
        {
            return Err(Failure::usage(format!("`--assume-role` wants the ARN of a role, found `{role}`"))
                .hint(
                    "it looks like arn:aws:iam::123456789012:role/NAME; `--role` chooses what to report on",
                ));
        }
        if self.external_id.is_some() && self.assume_role.is_none() {
            return Err(Failure::usage("`--external-id` goes with `--assume-role`"));
        }
        let external_id = self.external_id;
        Ok(Settings {
            profile: self.profile,
            region: self.region,
            endpoint_url: self.endpoint_url,
            path_style: self.path_style,
            requester_pays: self.request_payer,
            assume_role: self.assume_role.map(|arn| AssumeRole { arn, external_id }),
            credentials: None,
        })
    }
}

/// What the process reports when AWS did not do what was asked.
pub(super) fn failure(error: &AwsError) -> Failure {
    let failure = Failure::failed(error);
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
