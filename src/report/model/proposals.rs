//! What `leastwise rightsize` gives: the proposals for chosen roles.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Proposal, Report, Role, Stage, Tool, Verdicts, Window};

/// The version of the shape of [`Proposals`], as written in its first field.
pub const PROPOSALS_SCHEMA: &str = "leastwise.proposals/v1";

/// The proposals for chosen roles.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[schemars(title = "leastwise proposals, version 1")]
pub struct Proposals {
    /// [`PROPOSALS_SCHEMA`].
    pub schema: String,
    /// What made them.
    pub tool: Tool,
    /// The window they rest on.
    pub window: Window,
    /// Why the logs or grants they rest on are not complete, each a sentence.
    pub incomplete: Vec<String>,
    /// Sorted by ARN.
    pub roles: Vec<RoleProposal>,
}

/// What is proposed for one role.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct RoleProposal {
    /// With path.
    pub arn: String,
    /// The account id.
    pub account: String,
    /// The role's name.
    pub name: String,
    /// Granted actions by verdict.
    pub granted: Verdicts,
    /// As in the report.
    pub proposal: Proposal,
    /// As in the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
}

impl Proposals {
    /// Of the roles of a report.
    pub fn of(report: &Report) -> Self {
        Self {
            schema: PROPOSALS_SCHEMA.to_owned(),
            tool: report.tool.clone(),
            window: report.window.clone(),
            incomplete: report.incompleteness(),
            roles: report.roles.iter().map(RoleProposal::of).collect(),
        }
    }
}

impl RoleProposal {
    fn of(role: &Role) -> Self {
        Self {
            arn: role.arn.clone(),
            account: role.account.clone(),
            name: role.name.clone(),
            granted: role.granted.verdicts,
            proposal: role.proposal.clone(),
            stage: role.stage.clone(),
        }
    }
}
