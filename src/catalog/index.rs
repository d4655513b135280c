//! Every IAM action AWS documents, from a generated text that is read service by service on first use.
//!
//! The text is plain on purpose, so that a new one shows as a reviewable diff; the program carries it packed ([`super::packed`]).
//! Looking up one action touches only its own service's lines; opening the catalog reads the 456 headings and nothing else.

use std::cmp::Ordering;
use std::sync::OnceLock;
use std::sync::atomic::{self, AtomicU64};

use super::format::ArnFormat;
use super::packed::{self, Block};
use super::section::{Input, Operation, Row, Section};
use crate::ident::Action;

/// The generated text, packed; `cargo catalog` writes both. The text's form is told in [`Catalog::read`].
const EMBEDDED: &[u8] = include_bytes!("data/catalog.zst");

/// [`Catalog::source`] of what the program was built with.
const EMBEDDED_SOURCE: &str = "embedded";

/// An action of one [`Catalog`], by its place in the order of prefixes, then lower-case names.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ActionId(u32);

impl ActionId {
    /// The place in that order, from 0.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The action at this place, if there can be one; whether the catalog has it, [`Catalog::info`] tells.
    pub fn from_index(index: usize) -> Option<Self> {
        u32::try_from(index).ok().map(Self)
    }
}

/// The access levels of an action: AWS gives one or several (`Tagging, Write`).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Levels(u8);

impl Levels {
    /// Reads content or metadata.
    pub const READ: Self = Self(1);
    /// Lists resources.
    pub const LIST: Self = Self(2);
    /// Creates, changes or deletes.
    pub const WRITE: Self = Self(4);
    /// Changes tags only.
    pub const TAGGING: Self = Self(8);
    /// Grants or changes permissions.
    pub const PERMISSIONS_MANAGEMENT: Self = Self(16);

    /// AWS's names, in AWS's order of weight.
    const NAMES: [(Self, &'static str, u8); 5] = [
        (Self::PERMISSIONS_MANAGEMENT, "Permissions management", b'P'),
        (Self::TAGGING, "Tagging", b'T'),
        (Self::WRITE, "Write", b'W'),
        (Self::LIST, "List", b'L'),
        (Self::READ, "Read", b'R'),
    ];

    /// Whether all of `other`'s levels are among these.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The names as AWS writes them, heaviest first.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().filter(move |(level, ..)| self.contains(*level)).map(|(_, name, _)| *name)
    }

    /// Whether the action changes nothing: read or list, and nothing else.
    pub const fn is_read_only(self) -> bool {
        self.0 & !(Self::READ.0 | Self::LIST.0) == 0
    }

    /// The letters of these levels, as [`Catalog::read`] reads them; an action without a level reads.
    pub(super) fn letters(self) -> String {
        Self::NAMES
            .iter()
            .filter(|(level, ..)| self.contains(*level))
            .map(|(.., letter)| char::from(*letter))
            .collect()
    }

    /// The levels whose letters stand in `text`; other letters mean something else.
    pub(super) fn from_letters(text: &str) -> Self {
        let of =
            |letter| Self::NAMES.iter().find(|(.., known)| *known == letter).map_or(0, |(level, ..)| level.0);
        Self(text.bytes().fold(0, |bits, letter| bits | of(letter)))
    }
}

/// A kind of resource policies of a service can name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResourceType {
    /// AWS's name for it, such as `bucket`; unique in its service.
    pub name: &'static str,
    /// ARN formats with `${Variable}` parts; at least one.
    pub formats: Vec<&'static str>,
}

impl ResourceType {
    /// Whether an ARN, or an ARN pattern, is of one of the formats.
    pub fn is_of(&self, arn: &str) -> bool {
        self.formats.iter().any(|format| ArnFormat::parse(format).matches(arn))
    }
}

/// One action and one kind of resource it works on.
#[derive(Clone, Copy, Debug)]
pub struct ActionResource<'a> {
    /// See [`ResourceType`].
    pub kind: &'a ResourceType,
    /// AWS marks it with an asterisk: the policy must allow the action on a resource of this kind.
    pub required: bool,
}

/// What the catalog knows about one action; borrowed from it.
#[derive(Clone, Copy, Debug)]
pub struct ActionInfo<'a> {
    pub(super) section: &'a Section,
    pub(super) row: &'a Row,
}

impl<'a> ActionInfo<'a> {
    /// The action, spelled as AWS spells it.
    pub fn action(&self) -> &'a Action {
        &self.row.action
    }

    /// See [`Levels`].
    pub fn levels(&self) -> Levels {
        self.row.levels
    }

    /// Whether AWS says of it that its policy generation from CloudTrail's management events covers it. True proves that management
    /// events show the action; false says nothing. Known of a refreshed catalog only.
    pub fn is_shown_by_management_events(&self) -> bool {
        self.row.is_shown
    }

    /// Whether a public API operation bears it. The others are permission-only, or calls of agents and consoles.
    pub fn has_operation(&self) -> bool {
        self.row.has_operation
    }

    /// The kinds of resources it can be limited to, by name; none means that policies must say `*`.
    pub fn resource_types(&self) -> impl Iterator<Item = ActionResource<'a>> + use<'a> {
        let section = self.section;
        self.row.resources.iter().filter_map(|(place, required)| {
            section.types.get(*place).map(|kind| ActionResource { kind, required: *required })
        })
    }

    /// The condition keys it can be limited by, of the action and of its resources, sorted. Global keys that work
    /// everywhere (`aws:PrincipalArn`, …) are not listed.
    pub fn condition_keys(&self) -> impl Iterator<Item = &'static str> + use<'a> {
        let keys = &self.section.keys;
        self.row.keys.split(',').filter_map(move |place| keys.get(place.parse::<usize>().ok()?).copied())
    }

    /// Actions AWS documents as needed beside it in some uses, sorted.
    pub fn dependent_actions(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.row.dependents.split(',').filter(|text| !text.is_empty())
    }
}

/// One service's part of the file, not yet read.
#[derive(Debug)]
struct Service {
    prefix: &'static str,
    first: u32,
    count: u32,
    text: Text,
    section: OnceLock<Section>,
}

/// Where a service's lines lie.
#[derive(Clone, Copy, Debug)]
enum Text {
    Plain(&'static str),
    /// In a block, from the first byte on, as many.
    Packed {
        block: usize,
        start: usize,
        length: usize,
    },
}

/// The actions of all services, the snapshot of one day.
#[derive(Debug)]
pub struct Catalog {
    /// Tells catalogs of one process apart.
    pub(super) number: u64,
    date: &'static str,
    source: &'static str,
    services: Vec<Service>, // INVARIANT: sorted by prefix; prefixes are lower case.
    /// Of a catalog that is packed.
    blocks: Vec<Block>,
    n_actions: u32,
}

/// Why a catalog text cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the catalog's {what} is not as it should be, near `{near}`")]
pub struct CatalogError {
    what: &'static str,
    near: String,
}

impl CatalogError {
    pub(super) fn new(what: &'static str, near: &str) -> Self {
        Self { what, near: near.chars().take(40).collect() }
    }
}

impl Catalog {
    /// The catalog this program was built with.
    pub fn embedded() -> &'static Self {
        static CATALOG: OnceLock<Catalog> = OnceLock::new();
        // A broken embedded file is caught by the tests; a running program then knows no actions and reports every call
        // as used with an unknown action.
        CATALOG.get_or_init(|| {
            Self::read_packed(EMBEDDED).unwrap_or(Self {
                number: 0,
                date: "",
                source: EMBEDDED_SOURCE,
                services: Vec::new(),
                blocks: Vec::new(),
                n_actions: 0,
            })
        })
    }

    /// Reads the headings of a catalog text.
    ///
    /// ```text
    /// leastwise-catalog 1 ⇥ date ⇥ services ⇥ actions [⇥ source]
    /// @prefix ⇥ actions ⇥ bytes of the lines that follow
    /// ⇥ resource type ⇥ ARN format [⇥ ARN format …]
    /// ⇥ ⇥ condition key [⇥ condition key …]
    /// +Operation ⇥ actions it may authorise [⇥ what iam:PassedToService may be]
    /// ~Operation ⇥ its parameters that hold roles [⇥ its parameters that fill ARN formats]
    /// Name ⇥ levels (P T W L R; o: an operation bears it; v: management events show it) ⇥ types (*: required) ⇥ places of keys ⇥
    /// dependent actions
    /// ```
    pub fn read(text: &'static str) -> Result<Self, CatalogError> {
        let (head, mut rest) = text.split_once('\n').ok_or_else(|| CatalogError::new("first line", text))?;
        let mut services = Vec::with_capacity(512);
        while !rest.is_empty() {
            let heading = |near: &str| CatalogError::new("heading", near);
            let (head, tail) = rest.split_once('\n').ok_or_else(|| heading(rest))?;
            let heading_text = head.strip_prefix('@').ok_or_else(|| heading(head))?;
            let (prefix, count, length) = heading_fields(heading_text).ok_or_else(|| heading(head))?;
            let (text, tail) = tail.split_at_checked(length).ok_or_else(|| heading(head))?;
            services.push((prefix, count, Text::Plain(text)));
            rest = tail;
        }
        Self::of(head, services, Vec::new())
    }

    /// Reads the index of a packed catalog, as [`packed::packed`] makes it.
    pub(super) fn read_packed(bytes: &'static [u8]) -> Result<Self, CatalogError> {
        let index = packed::index(bytes)?;
        let (mut services, mut start, mut last) = (Vec::with_capacity(index.headings.len()), 0, 0);
        // Names are borrowed for good, as all of a catalog's text is.
        let leaked = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
        for (heading, block) in index.headings {
            if block != last {
                (start, last) = (0, block);
            }
            let heading = leaked(heading);
            let (prefix, count, length) =
                heading_fields(heading).ok_or_else(|| CatalogError::new("heading", heading))?;
            services.push((prefix, count, Text::Packed { block, start, length }));
            start = start.saturating_add(length);
        }
        Self::of(leaked(index.head), services, index.blocks)
    }

    fn of(
        head: &'static str,
        headings: Vec<(&'static str, u32, Text)>,
        blocks: Vec<Block>,
    ) -> Result<Self, CatalogError> {
        let mut fields = head.split('\t');
        if fields.next() != Some("leastwise-catalog 1") {
            return Err(CatalogError::new("version", head));
        }
        let date = fields.next().ok_or_else(|| CatalogError::new("date", head))?;
        let counts: Vec<&str> = fields.by_ref().take(2).collect();
        let source = fields.next().unwrap_or(EMBEDDED_SOURCE);
        let (mut services, mut first) = (Vec::with_capacity(headings.len()), 0_u32);
        for (prefix, count, text) in headings {
            services.push(Service { prefix, first, count, text, section: OnceLock::new() });
            first = first.checked_add(count).ok_or_else(|| CatalogError::new("count of actions", prefix))?;
        }
        if counts != [services.len().to_string(), first.to_string()] {
            return Err(CatalogError::new("count of services or actions", head));
        }
        if !services.is_sorted_by(|a, b| compare(a.prefix, b.prefix).is_lt()) {
            return Err(CatalogError::new("order of services", head));
        }
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, atomic::Ordering::Relaxed);
        Ok(Self { number, date, source, services, blocks, n_actions: first })
    }

    /// Reads every line of every service; an error names the first service of which a line does not read.
    pub fn verify(&self) -> Result<(), CatalogError> {
        let wrong = |service: &&Service| {
            let section = self.section(service);
            section.rows.len() != service.count as usize
                || !section.rows.is_sorted_by(|a, b| compare(a.action.name(), b.action.name()).is_lt())
                || !section.operations.is_sorted_by(|a, b| compare(a.name, b.name).is_lt())
                || !section.inputs.is_sorted_by(|a, b| compare(a.name, b.name).is_lt())
        };
        match self.services.iter().find(wrong) {
            Some(service) => Err(CatalogError { what: "service", near: service.prefix.to_owned() }),
            None => Ok(()),
        }
    }

    /// Where it is from: `embedded`, or what it was refreshed from.
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// What AWS's service reference says of an operation of a service, compared without case.
    pub(super) fn operation(&self, prefix: &str, name: &str) -> Option<&Operation> {
        let operations = &self.section(self.service(prefix)?).operations;
        operations.get(operations.binary_search_by(|known| compare(known.name, name)).ok()?)
    }

    /// What the model of an operation's input says, compared without case; nothing where names say all.
    pub(super) fn input(&self, prefix: &str, name: &str) -> Input {
        let inputs = self.service(prefix).map(|service| self.section(service).inputs.as_slice());
        let inputs = inputs.unwrap_or_default();
        let place = inputs.binary_search_by(|known| compare(known.name, name)).ok();
        place.and_then(|place| inputs.get(place)).copied().unwrap_or_default()
    }

    /// The actions of one service, in order.
    pub(super) fn actions_of_service(&self, prefix: &str) -> impl Iterator<Item = ActionId> + use<> {
        self.service(prefix)
            .map_or(0..0, |service| service.first..service.first + service.count)
            .map(ActionId)
    }

    /// The lines of one service as they stand in the file.
    pub(super) fn text_of_service(&self, prefix: &str) -> Option<&'static str> {
        self.service(prefix).map(|service| self.text_of(service))
    }

    /// The whole text, as [`Catalog::read`] reads it.
    pub fn text(&self) -> String {
        let mut text =
            format!("leastwise-catalog 1\t{}\t{}\t{}", self.date, self.n_services(), self.n_actions);
        if self.source != EMBEDDED_SOURCE {
            text += &format!("\t{}", self.source);
        }
        text.push('\n');
        for service in &self.services {
            let lines = self.text_of(service);
            text += &format!("@{}\t{}\t{}\n{lines}", service.prefix, service.count, lines.len());
        }
        text
    }

    fn text_of(&self, service: &Service) -> &'static str {
        match service.text {
            Text::Plain(text) => text,
            Text::Packed { block, start, length } => self
                .blocks
                .get(block)
                .and_then(|block| block.text().get(start..start.checked_add(length)?))
                .unwrap_or_default(),
        }
    }

    fn section<'c>(&self, service: &'c Service) -> &'c Section {
        service.section.get_or_init(|| Section::read(service.prefix, self.text_of(service)))
    }

    /// The day AWS published what is in here, `YYYY-MM-DD`.
    pub fn date(&self) -> &'static str {
        self.date
    }

    /// Number of service prefixes.
    pub fn n_services(&self) -> usize {
        self.services.len()
    }

    /// Number of actions.
    pub fn n_actions(&self) -> usize {
        self.n_actions as usize
    }

    /// All service prefixes, sorted.
    pub fn services(&self) -> impl Iterator<Item = &'static str> {
        self.services.iter().map(|service| service.prefix)
    }

    /// Whether some action has this prefix (compared without case).
    pub fn has_service(&self, prefix: &str) -> bool {
        self.service(prefix).is_some()
    }

    /// The action with this text, compared without case.
    pub fn find(&self, action: &str) -> Option<ActionId> {
        let (prefix, name) = action.split_once(':')?;
        self.find_in(prefix, name)
    }

    /// The action with this prefix and name, compared without case.
    pub fn find_in(&self, prefix: &str, name: &str) -> Option<ActionId> {
        let service = self.service(prefix)?;
        let rows = &self.section(service).rows;
        let place = rows.binary_search_by(|row| compare(row.action.name(), name)).ok()?;
        Some(ActionId(service.first + u32::try_from(place).ok()?))
    }

    /// What is known about an action. `None` only for an id of another catalog.
    pub fn info(&self, id: ActionId) -> Option<ActionInfo<'_>> {
        let place = self.services.partition_point(|service| service.first + service.count <= id.0);
        let service = self.services.get(place)?;
        self.section(service).info(id.0.checked_sub(service.first)? as usize)
    }

    /// All actions in order.
    pub fn all(&self) -> impl Iterator<Item = ActionId> + use<> {
        (0..self.n_actions).map(ActionId)
    }

    /// The actions an `Action` element of a policy names: `*` and `?` are wildcards, case does not count. In order.
    pub fn expand(&self, pattern: &str) -> Vec<ActionId> {
        if pattern == "*" {
            return self.all().collect();
        }
        let Some((prefix, name)) = pattern.split_once(':') else { return Vec::new() };
        if let (false, false) = (has_wildcard(prefix), has_wildcard(name)) {
            return self.find_in(prefix, name).into_iter().collect();
        }
        let mut found = Vec::new();
        for service in self.services.iter().filter(|service| matches_ignore_case(prefix, service.prefix)) {
            if name == "*" {
                found.extend((service.first..service.first + service.count).map(ActionId));
                continue;
            }
            let names = self.section(service).rows.iter().map(|row| row.action.name());
            let ids = (service.first..).map(ActionId);
            found
                .extend(ids.zip(names).filter(|(_, text)| matches_ignore_case(name, text)).map(|(id, _)| id));
        }
        found
    }

    fn service(&self, prefix: &str) -> Option<&Service> {
        let place = self.services.binary_search_by(|service| compare(service.prefix, prefix)).ok()?;
        self.services.get(place)
    }
}

/// `prefix ⇥ actions ⇥ bytes`.
fn heading_fields(heading: &'static str) -> Option<(&'static str, u32, usize)> {
    let mut fields = heading.split('\t');
    Some((fields.next()?, fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Whether `pattern`, in which `*` is any text and `?` any one byte, matches `text` without regard to case.
fn matches_ignore_case(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    loop {
        match (pattern.get(p), text.get(t)) {
            (Some(b'*'), _) => {
                star = Some((p, t));
                p += 1;
            }
            (None, None) => return true,
            (Some(a), Some(b)) if *a == b'?' || a.eq_ignore_ascii_case(b) => (p, t) = (p + 1, t + 1),
            (_, Some(_)) => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                None => return false,
            },
            (Some(_), None) => return false,
        }
    }
}

/// Orders texts by their lower-case bytes.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    a.bytes().map(|byte| byte.to_ascii_lowercase()).cmp(b.bytes().map(|byte| byte.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_embedded_file_reads() {
        let catalog = Catalog::read_packed(EMBEDDED).unwrap();
        catalog.verify().unwrap();
        let mut previous = ("", String::new());
        for service in &catalog.services {
            let section = catalog.section(service);
            assert_eq!(section.rows.len(), service.count as usize, "{}", service.prefix);
            let text = catalog.text_of(service);
            let other = text.lines().filter(|line| line.starts_with('\t')).count();
            assert_eq!(section.types.len() + 1, other, "{}", service.prefix);
            assert!(section.types.iter().all(|kind| !kind.formats.is_empty()));
            for (row, line) in
                section.rows.iter().zip(text.lines().filter(|line| !line.starts_with(['\t', '~'])))
            {
                let types = line.split('\t').nth(2).unwrap_or_default();
                assert_eq!(
                    row.resources.len(),
                    types.split(',').filter(|name| !name.is_empty()).count(),
                    "{line}"
                );
                let text = (service.prefix, row.action.name().to_ascii_lowercase());
                assert!(text > previous, "{text:?} after {previous:?}");
                previous = text;
            }
        }
    }

    #[test]
    fn the_program_carries_what_the_text_says() {
        let text = include_str!("data/actions.tsv");
        let carried = Catalog::read_packed(EMBEDDED).unwrap().text();
        assert!(carried == text, "data/catalog.zst is not data/actions.tsv packed: `cargo catalog FOLDER`");
        assert!(EMBEDDED.len() < 400 << 10, "{} bytes", EMBEDDED.len());
    }

    #[test]
    fn an_action_is_found_without_regard_to_case_and_told_as_aws_spells_it() {
        let catalog = Catalog::embedded();
        for (text, spelled) in [
            ("s3:getobject", "s3:GetObject"),
            ("S3:GETBUCKETCORS", "s3:GetBucketCORS"),
            ("execute-api:invoke", "execute-api:Invoke"),
        ] {
            let info = catalog.info(catalog.find(text).unwrap()).unwrap();
            assert_eq!(info.action().as_str(), spelled);
        }
        for text in ["s3:NoSuch", "nosuch:GetObject", "s3", "", "s3:", "*"] {
            assert_eq!(catalog.find(text), None, "{text}");
        }
    }

    #[test]
    fn an_action_knows_its_levels_types_keys_and_dependents() {
        let catalog = Catalog::embedded();
        let info = |text| catalog.info(catalog.find(text).unwrap()).unwrap();
        let create = info("lambda:CreateFunction");
        assert!(create.levels().contains(Levels::WRITE) && !create.levels().is_read_only());
        assert!(create.resource_types().any(|part| part.kind.name == "function" && part.required));
        assert!(create.condition_keys().any(|key| key == "lambda:VpcIds"));
        assert!(create.dependent_actions().any(|action| action == "iam:PassRole"));
        assert!(create.has_operation() && !info("s3:ReplicateObject").has_operation());
        let tags = info("ec2:CreateTags").levels();
        assert_eq!(tags.names().collect::<Vec<_>>(), ["Tagging", "Write"]);
        assert!(info("s3:ListAllMyBuckets").levels().is_read_only());
    }

    #[test]
    fn patterns_expand_to_the_actions_they_match() {
        let catalog = Catalog::embedded();
        let texts = |pattern: &str| -> Vec<String> {
            let ids = catalog.expand(pattern);
            assert!(ids.is_sorted(), "{pattern}");
            ids.iter().map(|id| catalog.info(*id).unwrap().action().to_string()).collect()
        };
        assert_eq!(catalog.expand("*").len(), catalog.n_actions());
        assert_eq!(catalog.expand("*:*").len(), catalog.n_actions());
        assert_eq!(texts("sts:getc*"), ["sts:GetCallerIdentity"]);
        assert_eq!(texts("S3:GetObjec?"), ["s3:GetObject"]);
        assert!(texts("s3:*").iter().all(|text| text.starts_with("s3:")) && texts("s3:*").len() > 150);
        for none in ["", "s3", "nosuch:*", "s3:Nothing*", "s3*"] {
            assert_eq!(texts(none), Vec::<String>::new(), "{none}");
        }
    }
}
