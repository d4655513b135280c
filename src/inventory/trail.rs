//! What CloudTrail's trails are told to record, from what `aws cloudtrail describe-trails` and `get-event-selectors` print.
//!
//! See: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetEventSelectors.html>

use serde::Deserialize;

use super::Origin;

/// A trail, as far as the files tell.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Trail {
    /// The ARN; its account owns the trail.
    pub arn: String,
    /// `HomeRegion`.
    pub home_region: Option<String>,
    /// `IsMultiRegionTrail`; `None` when no file says.
    pub is_multi_region: Option<bool>,
    /// `IsOrganizationTrail`.
    pub is_organization: bool,
    /// `IsLogging` of `get-trail-status`; a trail that was stopped records nothing.
    pub is_logging: Option<bool>,
    /// `LogFileValidationEnabled`: digests are written.
    pub has_digests: Option<bool>,
    /// What it records; `None` when no file says.
    pub selectors: Option<Vec<Selector>>,
    /// Where it was read first.
    pub origin: Origin,
}

/// One thing a trail records.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Selector {
    /// See [`Selected`].
    pub what: Selected,
    /// Read-only events.
    pub reads: bool,
    /// Write events.
    pub writes: bool,
    /// Of some resources, event names or callers only.
    pub is_narrowed: bool,
    /// Where nothing but resources narrows it: all of its events of these.
    pub within: Vec<ArnRange>,
}

/// Resources a selector of data events names.
///
/// See: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html>
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ArnRange {
    /// All whose ARN starts so.
    StartsWith(String),
    /// This one.
    Exactly(String),
}

/// A category of events.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Selected {
    /// Management events, but not of these event sources.
    Management {
        /// `kms.amazonaws.com`, `rdsdata.amazonaws.com`.
        excluded: Vec<String>,
    },
    /// Data events of this `resources[].type`.
    Data(String),
}

impl Trail {
    /// The account that owns it.
    pub fn account(&self) -> &str {
        crate::ident::Arn::parse(&self.arn).map_or("", |arn| arn.account)
    }

    /// Adds what another file says of the same trail.
    pub(super) fn merge(&mut self, other: Self) {
        self.home_region = self.home_region.take().or(other.home_region);
        self.is_multi_region = self.is_multi_region.or(other.is_multi_region);
        self.is_organization |= other.is_organization;
        self.is_logging = self.is_logging.or(other.is_logging);
        self.has_digests = self.has_digests.or(other.has_digests);
        self.selectors = self.selectors.take().or(other.selectors);
    }
}

/// `describe-trails`, `get-trail` and `get-event-selectors`.
#[derive(Deserialize)]
pub(super) struct Trails {
    #[serde(rename = "trailList", default)]
    list: Vec<Described>,
    #[serde(rename = "Trail")]
    one: Option<Described>,
    #[serde(rename = "TrailARN")]
    arn: Option<String>,
    #[serde(rename = "EventSelectors")]
    basic: Option<Vec<Basic>>,
    #[serde(rename = "AdvancedEventSelectors")]
    advanced: Option<Vec<Advanced>>,
}

#[derive(Deserialize)]
struct Described {
    #[serde(rename = "TrailARN")]
    arn: String,
    #[serde(rename = "HomeRegion")]
    home_region: Option<String>,
    #[serde(rename = "IsMultiRegionTrail")]
    is_multi_region: Option<bool>,
    #[serde(rename = "IsOrganizationTrail", default)]
    is_organization: bool,
    #[serde(rename = "IsLogging")]
    is_logging: Option<bool>,
    #[serde(rename = "LogFileValidationEnabled")]
    has_digests: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Basic {
    #[serde(default)]
    read_write_type: Option<String>,
    #[serde(default = "yes")]
    include_management_events: bool,
    #[serde(default)]
    data_resources: Vec<DataResource>,
    #[serde(default)]
    exclude_management_event_sources: Vec<String>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DataResource {
    r#type: String,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Advanced {
    #[serde(default)]
    field_selectors: Vec<FieldSelector>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FieldSelector {
    field: String,
    equals: Option<Vec<String>>,
    not_equals: Option<Vec<String>>,
    starts_with: Option<Vec<String>>,
    ends_with: Option<Vec<String>>,
    not_starts_with: Option<Vec<String>>,
    not_ends_with: Option<Vec<String>>,
}

impl Trails {
    /// The trails the value tells of.
    pub(super) fn into_trails(self, origin: &Origin) -> Vec<Trail> {
        let mut trails: Vec<Trail> = self
            .list
            .into_iter()
            .chain(self.one)
            .map(|trail| Trail {
                arn: trail.arn,
                home_region: trail.home_region,
                is_multi_region: trail.is_multi_region,
                is_organization: trail.is_organization,
                is_logging: trail.is_logging,
                has_digests: trail.has_digests,
                selectors: None,
                origin: origin.clone(),
            })
            .collect();
        if let Some(arn) = self.arn {
            let basic = self.basic.iter().flatten().flat_map(basic);
            let advanced = self.advanced.iter().flatten().flat_map(advanced);
            let told = self.basic.is_some() || self.advanced.is_some();
            let selectors = told.then(|| basic.chain(advanced).collect());
            trails.push(Trail { arn, selectors, origin: origin.clone(), ..Trail::default() });
        }
        trails
    }
}

/// See: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_EventSelector.html>
fn basic(selector: &Basic) -> Vec<Selector> {
    let (reads, writes) = match selector.read_write_type.as_deref() {
        Some("ReadOnly") => (true, false),
        Some("WriteOnly") => (false, true),
        _ => (true, true),
    };
    let mut selectors = Vec::new();
    if selector.include_management_events {
        let excluded = selector.exclude_management_event_sources.clone();
        selectors.push(Selector {
            what: Selected::Management { excluded },
            reads,
            writes,
            is_narrowed: false,
            within: Vec::new(),
        });
    }
    for resource in &selector.data_resources {
        // `arn:aws:s3`, `arn:aws:lambda`, `arn:aws:s3:::`: the service alone stands for all of its resources.
        let is_all = |value: &String| value.trim_end_matches(':').split(':').count() <= 3;
        let is_narrowed = !resource.values.iter().any(is_all);
        // `arn:aws:s3:::bucket/prefix` stands for all that begins so; a function or table is named whole.
        let range = |value: &String| match value.starts_with("arn:aws") && value.contains(":s3:::") {
            true if value.contains('/') => ArnRange::StartsWith(value.clone()),
            true => ArnRange::StartsWith(format!("{value}/")),
            false => ArnRange::Exactly(value.clone()),
        };
        selectors.push(Selector {
            what: Selected::Data(resource.r#type.clone()),
            reads,
            writes,
            is_narrowed,
            within: if is_narrowed { resource.values.iter().map(range).collect() } else { Vec::new() },
        });
    }
    selectors
}

/// All fields must hold; a field this does not know narrows.
///
/// See: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html>
fn advanced(selector: &Advanced) -> Vec<Selector> {
    let (mut category, mut kinds, mut excluded) = (None, Vec::new(), Vec::new());
    let (mut reads, mut writes, mut is_narrowed) = (true, true, false);
    let mut within: Option<Vec<ArnRange>> = None;
    for field in &selector.field_selectors {
        let only_equals = field.not_equals.is_none()
            && field.starts_with.is_none()
            && field.ends_with.is_none()
            && field.not_starts_with.is_none()
            && field.not_ends_with.is_none();
        let equals = field.equals.as_deref().filter(|_| only_equals);
        match (field.field.as_str(), equals, field.not_equals.as_deref()) {
            ("eventCategory", Some([one]), _) => category = Some(one.as_str()),
            ("resources.type", Some(all), _) => kinds.extend(all.iter().cloned()),
            ("readOnly", Some(all), _) => {
                reads &= all.iter().any(|value| value == "true");
                writes &= all.iter().any(|value| value == "false");
            }
            ("eventSource", None, Some(sources)) if field.equals.is_none() => {
                excluded.extend(sources.iter().cloned())
            }
            // Fields are looked at together: resources named twice are fewer than either says.
            ("resources.ARN", _, None)
                if within.is_none()
                    && field.ends_with.is_none()
                    && field.not_starts_with.is_none()
                    && field.not_ends_with.is_none() =>
            {
                let exactly = field.equals.iter().flatten().cloned().map(ArnRange::Exactly);
                let starting = field.starts_with.iter().flatten().cloned().map(ArnRange::StartsWith);
                within = Some(exactly.chain(starting).collect());
            }
            _ => is_narrowed = true,
        }
    }
    match category {
        Some("Management") => {
            let is_narrowed = is_narrowed || within.is_some();
            let what = Selected::Management { excluded };
            vec![Selector { what, reads, writes, is_narrowed, within: Vec::new() }]
        }
        Some("Data") => {
            let is_narrowed = is_narrowed || !excluded.is_empty();
            // Narrowed otherwise too, it holds not even all of those resources.
            let ranges = within.clone().filter(|_| !is_narrowed).unwrap_or_default();
            let data = |kind| Selector {
                what: Selected::Data(kind),
                reads,
                writes,
                is_narrowed: is_narrowed || within.is_some(),
                within: ranges.clone(),
            };
            kinds.into_iter().map(data).collect()
        }
        // Network activity events are refusals of VPC endpoints, and use of none.
        _ => Vec::new(),
    }
}
