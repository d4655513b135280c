//! `leastwise.toml`: the options of an audit, written down.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use leastwise::analyze::SplitNames;
use leastwise::finding::{Code, Exception};
use leastwise::report::Format;
use serde::Deserialize;

use super::Failure;
use super::audit::{ActionNames, FailOn, Resources, Unobservable};
use super::aws::AwsArgs;
use super::live::LIVE;
use super::time::{Percent, Span, When};

/// The file looked for, from the working directory upward.
const NAME: &str = "leastwise.toml";

/// The settings file: each key is the option of the same name, and an option on the command line wins over it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Config {
    pub(super) sources: Vec<String>,
    pub(super) iam: Vec<String>,
    pub(super) organization: Option<PathBuf>,
    pub(super) kubernetes: Vec<String>,
    pub(super) airflow_dags: Option<PathBuf>,
    pub(super) terraform_dir: Option<PathBuf>,
    pub(super) public_keys: Vec<PathBuf>,
    #[serde(deserialize_with = "parsed")]
    pub(super) since: Option<When>,
    #[serde(deserialize_with = "parsed")]
    pub(super) until: Option<When>,
    #[serde(deserialize_with = "parsed")]
    pub(super) min_window: Option<Span>,
    #[serde(deserialize_with = "parsed")]
    pub(super) min_coverage: Option<Percent>,
    /// Accounts whose logs should be here.
    pub(super) accounts: Vec<ExpectedAccount>,
    /// Findings somebody answers for.
    pub(super) exceptions: Vec<WrittenException>,
    pub(super) metrics: Option<PathBuf>,
    pub(super) account: Vec<String>,
    pub(super) role: Vec<String>,
    pub(super) region_filter: Vec<String>,
    pub(super) out: Option<PathBuf>,
    #[serde(deserialize_with = "all_parsed")]
    pub(super) format: Vec<Format>,
    pub(super) fail_on: Option<FailOn>,
    pub(super) unobservable: Option<Unobservable>,
    pub(super) resources: Option<Resources>,
    #[serde(deserialize_with = "parsed")]
    pub(super) split_names: Option<SplitNames>,
    pub(super) action_names: Option<ActionNames>,
    pub(super) max_excess: Option<usize>,
    #[serde(deserialize_with = "parsed")]
    pub(super) watch: Option<Span>,
    pub(super) threads: Option<usize>,
    pub(super) catalog: Option<PathBuf>,
    profile: Option<String>,
    region: Option<String>,
    endpoint_url: Option<String>,
    path_style: bool,
    request_payer: bool,
    assume_role: Option<String>,
    external_id: Option<String>,
    pub(super) store: Option<PathBuf>,
}

/// `[[exceptions]]`: findings somebody answers for, until a day.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct WrittenException {
    /// The code of the findings; without it every code.
    code: Option<String>,
    /// A pattern for their subjects; without it every subject.
    subject: Option<String>,
    reason: String,
    owner: String,
    /// RFC 3339, or a date; from then on it counts no more.
    expires: String,
}

impl WrittenException {
    /// What the library takes; `number` counts from 1.
    pub(super) fn read(&self, number: usize) -> Result<Exception, Failure> {
        let wrong = |what: String| Failure::usage(format!("exception {number} of the settings file: {what}"));
        let code = self
            .code
            .as_deref()
            .map(|word| Code::from_word(word).ok_or_else(|| wrong(format!("there is no finding `{word}`"))));
        if self.code.is_none() && self.subject.is_none() {
            return Err(wrong("it names neither `code` nor `subject`, and would hide everything".to_owned()));
        }
        for (name, text) in [("reason", &self.reason), ("owner", &self.owner)] {
            if text.trim().is_empty() {
                return Err(wrong(format!("`{name}` is empty")));
            }
        }
        Ok(Exception {
            code: code.transpose()?,
            subject: self.subject.clone(),
            reason: self.reason.clone(),
            owner: self.owner.clone(),
            expires: self.expires.parse().map_err(|error| wrong(format!("`expires`: {error}")))?,
        })
    }
}

/// `[[accounts]]`: an account whose logs should be here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct ExpectedAccount {
    /// Twelve digits.
    pub(super) id: String,
    /// For people.
    #[serde(default)]
    #[expect(dead_code, reason = "names an account for those who read the file")]
    pub(super) name: Option<String>,
}

impl Config {
    /// The file named, else the first one found upward; with its path. Without any, the settings are the defaults.
    pub(super) fn find(named: Option<&Path>) -> Result<(Self, Option<PathBuf>), Failure> {
        if let Some(path) = named {
            return Self::read(path).map(|config| (config, Some(path.to_owned())));
        }
        let Ok(here) = std::env::current_dir() else {
            return Ok((Self::default(), None));
        };
        match here.ancestors().map(|dir| dir.join(NAME)).find(|path| path.is_file()) {
            Some(path) => Self::read(&path).map(|config| (config, Some(path))),
            None => Ok((Self::default(), None)),
        }
    }

    /// The options that say whom to talk to at AWS.
    pub(super) fn aws(&self) -> AwsArgs {
        AwsArgs {
            profile: self.profile.clone(),
            region: self.region.clone(),
            endpoint_url: self.endpoint_url.clone(),
            path_style: self.path_style,
            request_payer: self.request_payer,
            assume_role: self.assume_role.clone(),
            external_id: self.external_id.clone(),
        }
    }

    fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("cannot read `{shown}`")).because(&error))?;
        let mut config: Self = toml::from_str(&text).map_err(|error| {
            Failure::usage(format!("`{shown}` is not a settings file: {}", error.message()))
        })?;
        // Paths in the file are meant from where the file is.
        let dir = path.parent().unwrap_or(Path::new(""));
        for source in config.sources.iter_mut().chain(&mut config.iam).chain(&mut config.kubernetes) {
            let is_elsewhere = ["cloudtrail:", "athena:"].iter().any(|scheme| source.starts_with(scheme));
            let is_file = source != "-" && source != "live" && !source.contains("://") && !is_elsewhere;
            if is_file && Path::new(source).is_relative() {
                *source = dir.join(&source).to_string_lossy().into_owned();
            }
        }
        config.out = config.out.map(|out| dir.join(out));
        for path in config.public_keys.iter_mut().filter(|path| path.as_os_str() != LIVE) {
            *path = dir.join(&path);
        }
        config.metrics = config.metrics.map(|file| dir.join(file));
        config.catalog = config.catalog.map(|catalog| dir.join(catalog));
        config.organization = config.organization.map(|file| dir.join(file));
        // An address is the same from everywhere.
        let is_address = |store: &PathBuf| store.to_str().is_some_and(|text| text.contains("://"));
        config.store = config.store.map(|store| if is_address(&store) { store } else { dir.join(store) });
        config.airflow_dags = config.airflow_dags.map(|list| dir.join(list));
        config.terraform_dir = config.terraform_dir.map(|folder| dir.join(folder));
        Ok(config)
    }
}

/// A text that the option's own parser reads.
fn parsed<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: FromStr<Err: std::fmt::Display>,
{
    let text: Option<String> = Option::deserialize(deserializer)?;
    text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose()
}

/// The same for a list.
fn all_parsed<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: FromStr<Err: std::fmt::Display>,
{
    let texts: Vec<String> = Vec::deserialize(deserializer)?;
    texts.iter().map(|text| text.parse().map_err(serde::de::Error::custom)).collect()
}
