//! From observed ARNs to the patterns of a proposal.
//!
//! An ARN is cut into a fixed part (partition, service, Region, account, and the resource's type or the bucket) and a name.
//! Only names are generalised, by these rules, in order:
//!
//! 1. Some names never are: bucket names, account ids, everything of IAM, STS, KMS and Organizations. A secret keeps its name
//!    and loses only the six characters Secrets Manager adds.
//! 2. A *volatile* part of a name (a UUID, a long hash, an id of an instance, volume, snapshot or network interface, a log stream)
//!    cannot be expected twice: the name is cut before it, however often it was seen. What stays of it is a name like others to the
//!    next rule, so that `stack/preview-7/UUID` and its like become `stack/preview-*/*`. Where it stands inside a part, between
//!    separators, what follows it stays: `job-UUID-output` becomes `job-*-output`. An end the event did not tell (`stack/preview-7/*`) is
//!    such a part.
//! 3. A prefix stands for the names below it when at least [`MIN_SUPPORT`] names share it, they go on in at least
//!    [`MIN_DISTINCT`] ways, something stable comes before, and either [`GENERATED_SHARE`] of them go on in a way that looks
//!    generated (digits, dates, hashes) or there are more than [`MAX_LIST`] ways. Where the generated part stands in the middle of a
//!    name and few ways lead on from it, these stay: `shop-preview-7-orders` and its like become `shop-preview-*-orders`.
//! 4. What remains is listed as it was seen.
//!
//! Whatever comes out is clipped into the old statement's resources afterwards, so a generous rule can never grant more than
//! before.

mod generated;

use std::collections::{BTreeMap, BTreeSet};

use generated::{bare, is_volatile, looks_generated, stable, volatile_within};

use super::ResourceLevel;
use crate::ident::Arn;

/// Names below a prefix before it may stand for them.
const MIN_SUPPORT: usize = 5;
/// Different continuations of a prefix before it may stand for them.
const MIN_DISTINCT: usize = 4;
/// Share of the continuations that must look generated.
const GENERATED_SHARE: f64 = 0.8;
/// Different continuations that are too many to list.
const MAX_LIST: usize = 20;

/// Different ends after a generated part that are few enough to keep each.
const MAX_ENDS: usize = 4;

/// Parts of one name that are looked at; the rest counts as one part. Names come from logs.
const MAX_PARTS: usize = 48;

/// A pattern and what it was made of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Pattern {
    /// In policy syntax (variables exist).
    pub(super) text: String,
    /// The observed ARNs it stands for.
    pub(super) of: BTreeSet<String>,
    /// Why it is wider than they are; `None` when it is not.
    pub(super) rule: Option<&'static str>,
}

/// Patterns that match all of `arns`, sorted by text.
pub(super) fn generalise(arns: &BTreeSet<String>, level: ResourceLevel) -> Vec<Pattern> {
    let mut patterns = Patterns::default();
    let mut names: BTreeMap<Fixed<'_>, Seen<'_>> = BTreeMap::new();
    for arn in arns {
        match (level, Shape::of(arn)) {
            (_, Shape::Secret(stem)) if level != ResourceLevel::Exact => {
                patterns.add(format!("{}-??????", plain(stem)), arn, Some("the suffix Secrets Manager adds"));
            }
            (ResourceLevel::Exact, _) | (_, Shape::Never | Shape::Secret(_)) => patterns.add_plain(arn),
            // Already a pattern: the event told no more.
            (_, Shape::Named(..))
                if arn.contains(['*', '?']) && !(level == ResourceLevel::Prefix && is_open_at_end(arn)) =>
            {
                patterns.add_plain(arn);
            }
            (ResourceLevel::Type, Shape::Named(fixed, _)) => {
                patterns.add(format!("{}*", plain(fixed.text)), arn, Some("every resource of the type"));
            }
            (ResourceLevel::Prefix, Shape::Named(fixed, name)) => match volatile_at(name, fixed) {
                Some(0) => patterns.add(format!("{}*", plain(fixed.text)), arn, Some(GENERATED_ID)),
                Some(at) => {
                    let stem = names.entry(fixed).or_default().entry(name.get(..at).unwrap_or(name));
                    let seen = stem.or_default();
                    seen.is_cut = true;
                    seen.arns.push(arn);
                }
                None => match volatile_within(name) {
                    Some((start, end)) => {
                        let (head, tail) =
                            (name.get(..start).unwrap_or(name), name.get(end..).unwrap_or_default());
                        let text = format!("{}{}*{}", plain(fixed.text), plain(head), plain(tail));
                        patterns.add(text, arn, Some(GENERATED_ID));
                    }
                    None => names.entry(fixed).or_default().entry(name).or_default().arns.push(arn),
                },
            },
        }
    }
    for (fixed, names) in &names {
        cluster(*fixed, names, &mut patterns);
    }
    patterns.0.into_values().collect()
}

/// `text` as a policy resource that matches it: `${` is escaped, and what a policy document cannot hold becomes `*`.
pub(super) fn plain(text: &str) -> String {
    // IAM takes tab, line feed, carriage return and U+0020 to U+00FF.
    let writable = |c: char| matches!(c, '\u{20}'..='\u{7e}' | '\u{a0}'..='\u{ff}');
    let mut policy = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if !writable(c) => {
                if !policy.ends_with('*') {
                    policy.push('*');
                }
            }
            c => policy.push(c),
        }
    }
    if policy.contains("${") { policy.replace("${", "${$}{") } else { policy }
}

#[derive(Default)]
struct Patterns(BTreeMap<String, Pattern>);

impl Patterns {
    fn add(&mut self, text: String, arn: &str, rule: Option<&'static str>) {
        let pattern =
            self.0.entry(text.clone()).or_insert_with(|| Pattern { text, of: BTreeSet::new(), rule });
        pattern.of.insert(arn.to_owned());
    }

    fn add_plain(&mut self, arn: &str) {
        let text = plain(arn);
        let rule = (text.contains('*') && !arn.contains('*')).then_some("characters a policy cannot hold");
        self.add(text, arn, rule);
    }
}

/// The part of an ARN that is never generalised.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Fixed<'a> {
    /// Up to and with the separator before the name.
    text: &'a str,
    /// It holds a name itself (a bucket), so that the very first part of the name may vary.
    is_stable: bool,
    /// The name is (or ends in) something made anew all the time.
    is_stream: bool,
}

enum Shape<'a> {
    /// Stays as it is.
    Never,
    /// A secret: its ARN without the suffix.
    Secret(&'a str),
    /// The fixed part, and the name.
    Named(Fixed<'a>, &'a str),
}

impl<'a> Shape<'a> {
    fn of(text: &'a str) -> Self {
        let Some(arn) = Arn::parse(text) else { return Self::Never };
        let start = text.len() - arn.resource.len();
        let split = |at: usize, is_stable, is_stream| {
            let fixed = text.get(..start + at).zip(text.get(start + at..));
            match fixed {
                Some((fixed, name)) if !name.is_empty() => {
                    Self::Named(Fixed { text: fixed, is_stable, is_stream }, name)
                }
                _ => Self::Never,
            }
        };
        match arn.service {
            "iam" | "sts" | "kms" | "organizations" | "account" | "sso" => Self::Never,
            "secretsmanager" => secret_stem(text).map_or(Self::Never, Self::Secret),
            "s3" if arn.account.is_empty() => match arn.resource.find('/') {
                Some(slash) => split(slash + 1, true, false),
                None => Self::Never,
            },
            "logs" => match arn.resource.find(":log-stream:") {
                Some(at) => split(at + ":log-stream:".len(), true, true),
                None => split("log-group:".len().min(arn.resource.len()), false, false),
            },
            _ => match arn.resource.find(['/', ':']) {
                Some(at) => split(at + 1, false, false),
                // A bare name, as queues and topics have.
                None => split(0, false, false),
            },
        }
    }
}

/// The ARN without `-AbCdEf`, when it ends so.
fn secret_stem(arn: &str) -> Option<&str> {
    let (stem, suffix) = arn.rsplit_once('-')?;
    (suffix.len() == 6 && suffix.bytes().all(|b| b.is_ascii_alphanumeric()) && stem.contains(":secret:"))
        .then_some(stem)
}

/// Where the first volatile part of a name begins.
fn volatile_at(name: &str, fixed: Fixed<'_>) -> Option<usize> {
    if fixed.is_stream {
        return Some(0);
    }
    let mut at = 0;
    for part in name.split(['/', ':']) {
        let bare = part.split_once('.').map_or(part, |(stem, _)| stem);
        if is_volatile(bare) || part == "*" {
            return Some(at);
        }
        at += part.len() + 1;
    }
    None
}

/// Whether an ARN is told but for its last step.
fn is_open_at_end(arn: &str) -> bool {
    arn.strip_suffix("/*").is_some_and(|told| !told.contains(['*', '?']))
}

const GENERATED_ID: &str = "a generated id";

/// Names with the ARNs behind them.
type Seen<'a> = BTreeMap<&'a str, Arns<'a>>;

#[derive(Default)]
struct Arns<'a> {
    /// Something volatile followed the name in some ARN.
    is_cut: bool,
    arns: Vec<&'a str>,
}

/// One name on its way down: its parts with their ends in the name.
struct Name<'a> {
    name: &'a str,
    seen: &'a Arns<'a>,
    ends: Vec<usize>,
}

impl<'a> Name<'a> {
    fn new(name: &'a str, seen: &'a Arns<'a>) -> Self {
        // A part ends with its separator.
        let separators = name.match_indices(['/', '-', '_', '.', ':']).map(|(at, _)| at + 1);
        let mut ends: Vec<usize> = separators.take(MAX_PARTS).collect();
        if ends.last() != Some(&name.len()) {
            ends.push(name.len());
        }
        Self { name, seen, ends }
    }

    fn up_to(&self, depth: usize) -> &'a str {
        let end = depth.checked_sub(1).and_then(|index| self.ends.get(index)).copied().unwrap_or(0);
        self.name.get(..end).unwrap_or(self.name)
    }

    fn part(&self, depth: usize) -> &'a str {
        let start = depth.checked_sub(1).and_then(|index| self.ends.get(index)).copied().unwrap_or(0);
        let end = self.ends.get(depth).copied().unwrap_or(self.name.len());
        self.name.get(start..end).unwrap_or_default()
    }
}

/// Lists names or lets prefixes stand for them, top down.
fn cluster(fixed: Fixed<'_>, names: &Seen<'_>, patterns: &mut Patterns) {
    let mut nodes: Vec<(usize, Vec<Name<'_>>)> =
        vec![(0, names.iter().map(|(name, seen)| Name::new(name, seen)).collect())];
    while let Some((depth, names)) = nodes.pop() {
        let mut children: BTreeMap<&str, Vec<Name<'_>>> = BTreeMap::new();
        let n = names.len();
        let mut generated = 0;
        let mut stem = "";
        for name in names {
            generated += usize::from(looks_generated(bare(name.part(depth))));
            stem = name.up_to(depth);
            children.entry(name.part(depth)).or_default().push(name);
        }
        let is_stable = fixed.is_stable || !stable(stem).is_empty();
        #[expect(clippy::cast_precision_loss, reason = "numbers of names of one role")]
        let share = generated as f64 / n.max(1) as f64;
        let wide = n >= MIN_SUPPORT && children.len() >= MIN_DISTINCT && is_stable;
        let rule = match () {
            () if wide && share >= GENERATED_SHARE => Some("names that look generated"),
            () if wide && children.len() > MAX_LIST => Some("more names than a list should hold"),
            () => None,
        };
        if let Some(rule) = rule {
            // A date is several parts: cut before the first of them, or next month's would be refused.
            let all_cut =
                children.values().flatten().all(|name| name.seen.is_cut && name.name.ends_with('/'));
            let head = if share >= GENERATED_SHARE { cut(stem, fixed) } else { stem };
            let ends = (share >= GENERATED_SHARE && head == stem).then(|| ends(&children, depth)).flatten();
            if let Some(ends) = ends {
                for (end, names) in ends {
                    let cut = names.iter().all(|name| name.seen.is_cut);
                    let text = format!(
                        "{}{}*{}{}",
                        plain(fixed.text),
                        plain(head),
                        plain(end),
                        if cut { "*" } else { "" }
                    );
                    for arn in names.iter().flat_map(|name| &name.seen.arns) {
                        patterns.add(text.clone(), arn, Some(rule));
                    }
                }
                continue;
            }
            let text = format!("{}{}{}", plain(fixed.text), plain(head), if all_cut { "*/*" } else { "*" });
            for arn in children.values().flatten().flat_map(|name| &name.seen.arns) {
                patterns.add(text.clone(), arn, Some(rule));
            }
            continue;
        }
        for (_, names) in children {
            match &*names {
                [only] if only.seen.is_cut => {
                    let text = format!("{}{}*", plain(fixed.text), plain(only.name));
                    for arn in &only.seen.arns {
                        patterns.add(text.clone(), arn, (text != **arn).then_some(GENERATED_ID));
                    }
                }
                [only] => only.seen.arns.iter().for_each(|arn| patterns.add_plain(arn)),
                // Names are distinct, so some of several go on.
                _ => nodes.push((depth + 1, names)),
            }
        }
    }
}

/// Names by what follows their part at `depth`, separator included, when that part ends inside a path's step, something follows it in
/// every name, and there are few ways on, each of which several names take.
fn ends<'n, 'a>(
    children: &'n BTreeMap<&str, Vec<Name<'a>>>,
    depth: usize,
) -> Option<BTreeMap<&'n str, Vec<&'n Name<'a>>>> {
    let mut by_end: BTreeMap<&str, Vec<&Name<'_>>> = BTreeMap::new();
    for name in children.values().flatten() {
        let part = name.part(depth);
        let inner = bare(part);
        if !part.ends_with(['-', '_']) {
            return None;
        }
        let end = name.name.get(name.up_to(depth).len() + inner.len()..)?;
        by_end.entry(end).or_default().push(name);
    }
    let is_few = by_end.len() <= MAX_ENDS && by_end.values().all(|names| names.len() >= MIN_DISTINCT);
    let is_cut = |name: &&Name<'_>| name.seen.is_cut;
    let mixed = by_end.values().any(|names| names.iter().any(is_cut) && !names.iter().all(is_cut));
    (is_few && !mixed).then_some(by_end)
}

fn cut<'a>(stem: &'a str, fixed: Fixed<'_>) -> &'a str {
    let cut = stable(stem);
    if cut.is_empty() && !fixed.is_stable { stem } else { cut }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ident::glob::Glob;
    use proptest::prelude::*;

    fn patterns(arns: &[String], level: ResourceLevel) -> Vec<String> {
        generalise(&arns.iter().cloned().collect(), level).into_iter().map(|pattern| pattern.text).collect()
    }

    fn prefix(arns: impl IntoIterator<Item = String>) -> Vec<String> {
        patterns(&arns.into_iter().collect::<Vec<_>>(), ResourceLevel::Prefix)
    }

    #[test]
    fn generated_parts_in_the_middle_of_a_name_leave_its_end() {
        let queue = |name: String| format!("arn:aws:sqs:eu-west-1:1:{name}");
        let stacks = (1..=6).map(|n| queue(format!("shop-preview-{n}-orders")));
        assert_eq!(prefix(stacks.clone()), [queue("shop-preview-*-orders".to_owned())]);
        let two = stacks.chain((1..=5).map(|n| queue(format!("shop-preview-{n}-mails"))));
        assert_eq!(
            prefix(two.clone()),
            [queue("shop-preview-*-mails".to_owned()), queue("shop-preview-*-orders".to_owned())]
        );
        // An end that few names have is no rule, and neither are many ends.
        let odd = two.chain([queue("shop-preview-9-once".to_owned())]);
        assert_eq!(prefix(odd), [queue("shop-preview-*".to_owned())]);
        // Two of them are listed.
        let few = (1..=2).map(|n| queue(format!("shop-preview-{n}-orders")));
        assert_eq!(prefix(few.clone()), few.collect::<Vec<_>>());
        let log = |n: &str| format!("arn:aws:logs:eu-west-1:1:log-group:/aws/lambda/preview-{n}-api");
        let groups = ["4f2a91c", "09be3d1", "77aa012", "5c31e90", "1d2e3f4"].map(log);
        assert_eq!(prefix(groups), [log("*")]);
    }

    #[test]
    fn ids_inside_a_part_of_a_name_are_never_expected_twice() {
        let uuid = "550e8400-e29b-41d4-a716-446655440000";
        let hash = "d41d8cd98f00b204e9800998ecf8427e";
        let object = |name: &str| format!("arn:aws:s3:::b/{name}");
        for (name, pattern) in [
            (format!("job-{uuid}-output"), "job-*-output"),
            (format!("job-{uuid}"), "job-*"),
            (format!("cache_{hash}.bin"), "cache_*.bin"),
            (format!("a-{hash}-{uuid}-z"), "a-*-z"),
            ("job-550e8400-output".to_owned(), "job-550e8400-output"),
            (format!("x{uuid}"), &*format!("x{uuid}")),
        ] {
            assert_eq!(prefix([object(&name)]), [object(pattern)], "{name}");
        }
        // A whole part cuts the name before it, as ever.
        assert_eq!(prefix([object(&format!("in/{uuid}/x"))]), [object("in/*")]);
    }

    #[test]
    fn dates_and_numbers_below_a_stable_prefix_become_a_wildcard() {
        let keys = (1..=9).map(|day| format!("arn:aws:s3:::data/in/2024-01-0{day}/part.csv"));
        assert_eq!(prefix(keys), ["arn:aws:s3:::data/in/*"]);
        let keys = (1..=9).map(|n| format!("arn:aws:s3:::data/{n}.csv"));
        assert_eq!(prefix(keys), ["arn:aws:s3:::data/*"]);
        let queues = (1..=9).map(|n| format!("arn:aws:sqs:eu-west-1:1:jobs-{n}"));
        assert_eq!(prefix(queues), ["arn:aws:sqs:eu-west-1:1:jobs-*"]);
    }

    #[test]
    fn what_stays_before_a_generated_id_is_a_name_like_others() {
        let stack = |name: String| {
            format!("arn:aws:cloudformation:eu-west-1:1:stack/{name}/6ba7b810-9dad-11d1-80b4-00c04fd430c8")
        };
        let previews = (0..6).map(|n| stack(format!("shop-preview-{n}")));
        assert_eq!(
            prefix(previews.chain([stack("shop-api".to_owned())])),
            [
                "arn:aws:cloudformation:eu-west-1:1:stack/shop-api/*",
                "arn:aws:cloudformation:eu-west-1:1:stack/shop-preview-*/*"
            ]
        );
        // The event that makes a stack does not tell its id.
        let made = |n: u32| format!("arn:aws:cloudformation:eu-west-1:1:stack/shop-preview-{n}/*");
        assert_eq!(prefix((0..6).map(made)), ["arn:aws:cloudformation:eu-west-1:1:stack/shop-preview-*/*"]);
        assert_eq!(prefix((0..2).map(made)), (0..2).map(made).collect::<Vec<_>>());
        let untold = generalise(&BTreeSet::from([made(0)]), ResourceLevel::Prefix);
        assert_eq!(untold.iter().map(|pattern| pattern.rule).collect::<Vec<_>>(), [None]);
        // A key that ends where others go on.
        let keys = ["", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"].map(|id| format!("arn:aws:s3:::b/in/{id}"));
        assert_eq!(prefix(keys), ["arn:aws:s3:::b/in/*"]);
    }

    #[test]
    fn thresholds() {
        let keys = |n: usize| (0..n).map(|i| format!("arn:aws:s3:::data/in/{i}"));
        assert_eq!(prefix(keys(MIN_SUPPORT - 1)).len(), MIN_SUPPORT - 1);
        assert_eq!(prefix(keys(MIN_SUPPORT)), ["arn:aws:s3:::data/in/*"]);
        // Names people chose are listed as long as the list is short.
        let words = |n: u8| (0..n).map(|i| format!("arn:aws:s3:::data/in/{}", char::from(b'a' + i)));
        assert_eq!(prefix(words(20)).len(), MAX_LIST);
        assert_eq!(prefix(words(21)), ["arn:aws:s3:::data/in/*"]);
        // Too few ways to go on: the wildcard moves down.
        let pairs =
            (0..10).map(|i| format!("arn:aws:s3:::data/{}/{i}", if i % 2 == 0 { "even" } else { "odd" }));
        assert_eq!(prefix(pairs), ["arn:aws:s3:::data/even/*", "arn:aws:s3:::data/odd/*"]);
        // Nothing stable comes before: a list, or every queue of the account would be granted.
        let queues = (10..=19).map(|n| format!("arn:aws:sqs:eu-west-1:1:{n}"));
        assert_eq!(prefix(queues).len(), 10);
    }

    #[test]
    fn what_is_made_anew_is_cut_at_once() {
        for (arn, pattern) in [
            ("arn:aws:ec2:eu-west-1:1:instance/i-0123456789abcdef0", "arn:aws:ec2:eu-west-1:1:instance/*"),
            (
                "arn:aws:ec2:eu-west-1:1:subnet/subnet-0123456789abcdef0",
                "arn:aws:ec2:eu-west-1:1:subnet/subnet-0123456789abcdef0",
            ),
            (
                "arn:aws:ecs:eu-west-1:1:task/main/0123456789abcdef0123456789abcdef",
                "arn:aws:ecs:eu-west-1:1:task/main/*",
            ),
            ("arn:aws:s3:::b/in/6ba7b810-9dad-11d1-80b4-00c04fd430c8.json", "arn:aws:s3:::b/in/*"),
            (
                "arn:aws:logs:eu-west-1:1:log-group:/app:log-stream:2024/01/01/[$LATEST]x",
                "arn:aws:logs:eu-west-1:1:log-group:/app:log-stream:*",
            ),
            (
                "arn:aws:secretsmanager:eu-west-1:1:secret:db/main-AbC1eF",
                "arn:aws:secretsmanager:eu-west-1:1:secret:db/main-??????",
            ),
        ] {
            assert_eq!(prefix([arn.to_owned()]), [pattern]);
            assert_eq!(patterns(&[arn.to_owned()], ResourceLevel::Exact), [plain(arn)]);
        }
    }

    #[test]
    fn some_names_are_never_generalised() {
        for level in [ResourceLevel::Prefix, ResourceLevel::Type] {
            let many = |make: fn(u32) -> String| (0..40).map(make).collect::<Vec<_>>();
            for arns in [
                many(|i| format!("arn:aws:s3:::bucket-{i}")),
                many(|i| format!("arn:aws:iam::1:role/job-{i}")),
                many(|i| format!("arn:aws:kms:eu-west-1:1:key/6ba7b810-9dad-11d1-80b4-00c04fd4{i:04}")),
            ] {
                assert_eq!(patterns(&arns, level).len(), 40, "{level:?}");
            }
            let objects = many(|i| format!("arn:aws:s3:::bucket-{i}/key"));
            assert_eq!(patterns(&objects, level).len(), 40, "one bucket each");
        }
    }

    #[test]
    fn type_means_the_type_in_the_account_and_region_seen() {
        let one = |arn: &str| patterns(&[arn.to_owned()], ResourceLevel::Type);
        assert_eq!(one("arn:aws:dynamodb:eu-west-1:1:table/users"), ["arn:aws:dynamodb:eu-west-1:1:table/*"]);
        assert_eq!(one("arn:aws:s3:::b/k"), ["arn:aws:s3:::b/*"]);
        assert_eq!(one("arn:aws:sqs:eu-west-1:1:q"), ["arn:aws:sqs:eu-west-1:1:*"]);
    }

    #[test]
    fn names_from_logs_are_not_policy_syntax() {
        assert_eq!(plain("arn:aws:s3:::b/${aws:username}"), "arn:aws:s3:::b/${$}{aws:username}");
        assert_eq!(plain("arn:aws:s3:::b/日本/é"), "arn:aws:s3:::b/*/é");
        assert_eq!(plain("a\u{1b}[31m"), "a*[31m");
    }

    fn arn() -> impl Strategy<Value = String> {
        prop_oneof![
            "arn:aws:s3:::(a|b)/(in|out)/[0-9]{1,3}(-[a-f0-9]{2,8})?(\\.csv)?",
            "arn:aws:sqs:eu-west-1:1:(jobs|q)[-_]?[a-z0-9]{1,4}",
            "arn:aws:logs:eu-west-1:1:log-group:/aws/[a-c]{1,2}(:log-stream:[a-z0-9/]{1,5})?",
            "arn:aws:(iam|kms)::1:(role|key)/[a-z0-9]{1,4}",
            "\\PC{0,12}",
        ]
    }

    proptest! {
        #[test]
        fn every_observed_arn_is_matched_and_accounted_for(arns in prop::collection::btree_set(arn(), 0..40)) {
            for level in [ResourceLevel::Exact, ResourceLevel::Prefix, ResourceLevel::Type] {
                let found = generalise(&arns, level);
                let of: BTreeSet<_> = found.iter().flat_map(|pattern| pattern.of.iter().cloned()).collect();
                prop_assert_eq!(&of, &arns);
                for pattern in &found {
                    let glob = Glob::new(&pattern.text);
                    for arn in pattern.of.iter().filter(|arn| !arn.contains("${")) {
                        prop_assert!(glob.matches(arn), "{:?} does not match {:?}", pattern.text, arn);
                    }
                }
            }
        }
    }
}
