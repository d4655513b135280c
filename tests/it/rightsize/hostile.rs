//! Roles whose policies are made to be expensive: each ends with the verdict that its work, counted in steps, allows.

use std::sync::atomic::AtomicBool;

use super::*;

/// Steps enough for any shape with [`FEW`] statements and for none with [`MANY`]; [`WHOLE`] where each names all of AWS.
const STEPS: u64 = 60_000;
const WHOLE: u64 = 2_000_000;
const FEW: usize = 2;
const MANY: usize = 250;

const WIDE: &str = r#"{"Effect":"Allow","Action":["s3:*","sqs:*","dynamodb:*"],"Resource":"*"}"#;

/// Statements of one shape, and a wide one behind them.
fn statements(n: usize, one: &dyn Fn(usize) -> String) -> String {
    let all: Vec<String> = (0..n).map(one).chain([WIDE.to_owned()]).collect();
    format!("[{}]", all.join(","))
}

/// A policy's statements, by number.
type Statements = Box<dyn Fn(usize) -> String>;

/// Shapes of statements that, taken at their word, ask for more pairs of actions and resources than fit into memory.
fn shapes() -> Vec<(&'static str, u64, Statements)> {
    let many = |one: fn(usize) -> String| -> Statements { Box::new(move |n| statements(n, &one)) };
    vec![
        (
            "all actions but some, on entangled resources",
            WHOLE,
            many(|n| {
                format!(
                    r#"{{"Effect":"Allow","NotAction":"s3:G*{n}*","Resource":"arn:aws:s3:::*{n}*?*a*/*"}}"#
                )
            }),
        ),
        (
            "all actions but some, on all resources but some",
            WHOLE,
            many(|n| {
                let resources: Vec<String> =
                    (0..9).map(|at| format!("\"arn:aws:s3:::*{n}*{at}*?*a*/*\"")).collect();
                format!(
                    r#"{{"Effect":"Allow","NotAction":"s3:G*{n}*","NotResource":[{}]}}"#,
                    resources.join(",")
                )
            }),
        ),
        (
            "a condition each",
            STEPS,
            many(|n| {
                format!(
                    r#"{{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b*{n}*/*","Condition":{{"StringLike":{{"aws:PrincipalTag/k{n}":"*{n}*"}}}}}}"#
                )
            }),
        ),
        (
            "one list of resources",
            STEPS,
            Box::new(|n| {
                let resources: Vec<String> = (0..n).map(|n| format!("\"arn:aws:s3:::*{n}*/*\"")).collect();
                format!(
                    r#"[{{"Effect":"Allow","Action":["s3:*","sqs:*"],"Resource":[{}]}},{WIDE}]"#,
                    resources.join(",")
                )
            }),
        ),
    ]
}

fn sized(role: &Role, settings: Settings, cancel: &AtomicBool) -> RightSized {
    let uses = ["s3:GetObject arn:aws:s3:::b1/k", "sqs:SendMessage arn:aws:sqs:eu-west-1:111122223333:q"];
    let (losses, observation, access) = (Losses::default(), observation(S3), access(&uses));
    let coverage = Coverage::new(&observation, &losses, &settings);
    let subject = Subject { arn: ROLE, role: Some(role), access: Some(&access), ..Subject::default() };
    let sizer = RightSizer::new(Catalog::embedded(), settings);
    sizer.with_cancel(cancel).right_size(&subject, &coverage)
}

fn stopped(result: &RightSized) -> Option<&str> {
    let reason = result.proposal.reasons.first().map(String::as_str).unwrap_or_default();
    let is_stopped = result.proposal.verdict == ProposalVerdict::CannotTell
        && reason.starts_with("Smaller policies were not worked out: ");
    is_stopped.then_some(reason)
}

#[test]
fn work_that_grows_beyond_its_steps_ends_without_a_proposal() {
    let never = AtomicBool::new(false);
    for (name, steps, shape) in shapes() {
        let settings = Settings { steps, ..Settings::default() };
        let few = sized(&role(&[&shape(FEW)]), settings, &never);
        assert_eq!(stopped(&few), None, "{name}: {:?}", few.proposal.reasons);
        let many = sized(&role(&[&shape(MANY)]), settings, &never);
        let reason = stopped(&many).unwrap_or_else(|| panic!("{name}: {:?}", many.proposal.reasons));
        assert!(reason.contains(&format!("it takes more than {steps} steps")), "{name}: {reason}");
        // What was granted and used is told all the same.
        let seen = many.comparison.n_with(ActionVerdict::Used);
        assert!(seen == 2 && many.comparison.n_granted() > 200, "{name}: {seen}");
        assert_eq!(many.proposal.policies, [], "{name}");
    }
}

#[test]
fn a_run_that_is_to_end_works_out_no_proposal() {
    let (.., shape) = shapes().remove(2);
    let result = sized(&role(&[&shape(FEW)]), Settings::default(), &AtomicBool::new(true));
    assert_eq!(stopped(&result), Some("Smaller policies were not worked out: the run was cancelled."));
    assert_eq!(result.comparison.n_with(ActionVerdict::Used), 2);
}

#[test]
fn denies_and_limits_without_number_leave_no_verdict_unsaid() {
    let denies: Vec<String> = (0..150)
        .map(|n| {
            format!(r#"{{"Effect":"Deny","NotAction":"s3:G*{n}*","NotResource":"arn:aws:s3:::*{n}*?*a*/*"}}"#)
        })
        .collect();
    let wildcards: Vec<String> = (0..150)
        .map(|n| {
            let letter = char::from(b'a' + (n % 26) as u8);
            format!(
                r#"{{"Effect":"Allow","Action":"s3:*{letter}*","Resource":"arn:aws:s3:::*{n}*"}},{{"Effect":"Deny","Action":"s3:*{letter}*","Resource":"arn:aws:s3:::*{n}*?"}}"#
            )
        })
        .collect();
    for (name, text) in [
        ("denies", format!("[{WIDE},{}]", denies.join(","))),
        ("allows and denies", format!("[{WIDE},{}]", wildcards.join(","))),
    ] {
        let result =
            sized(&role(&[&text]), Settings { steps: STEPS, ..Settings::default() }, &AtomicBool::new(false));
        let comparison = &result.comparison;
        let told: usize = comparison.granted.values().map(|set| set.len()).sum();
        assert!(told > 200 && told == comparison.n_granted(), "{name}: {told}");
        // What could not be told for want of work is not called blocked.
        let n_limits: usize = comparison.effective.iter().map(|one| one.limited_by.len()).sum();
        assert!(n_limits <= 5_000, "{name}: {n_limits}");
        let is_told = |what: &str| comparison.partly_blind.iter().any(|sentence| sentence.contains(what));
        if n_limits == 5_000 {
            assert!(is_told("beyond those named"), "{name}: {:?}", comparison.partly_blind);
        }
        assert_ne!(result.proposal.verdict, ProposalVerdict::DeleteRole, "{name}");
    }
}
