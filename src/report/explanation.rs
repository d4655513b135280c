//! Explanations of refused calls, for people and for programs.

use std::io::{self, Write};

use serde_json::Value;

use super::escape::printable;
use super::json::pretty;
use crate::explain::{Agreement, Explanation, Nearest, Place, Verdict, Witness};

/// The JSON Schema (draft 2020-12) of one explanation.
pub fn explanation_schema() -> Value {
    schemars::schema_for!(Explanation).into()
}

/// As JSON: one object for one explanation, a list for several.
pub fn write_explanations_json(explanations: &[Explanation], out: &mut dyn Write) -> io::Result<()> {
    match explanations {
        [one] => pretty(one, out),
        several => pretty(&several, out),
    }
}

/// As text, an empty line between two.
pub fn write_explanations_text(explanations: &[Explanation], out: &mut dyn Write) -> io::Result<()> {
    for (number, explanation) in explanations.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        for line in lines(explanation) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

fn lines(explanation: &Explanation) -> Vec<String> {
    let mut lines = vec![headline(explanation)];
    let mut tell = |name: &str, value: &str| lines.push(format!("  {name:<10} {}", printable(value)));
    tell("why", &explanation.reason);
    for (name, value) in [
        ("principal", &explanation.principal),
        ("action", &explanation.action),
        ("resource", &explanation.resource),
        ("policy", &explanation.policy),
    ] {
        if let Some(value) = value {
            tell(name, value);
        }
    }
    if let Some(event) = &explanation.event {
        let calls = if event.calls == 1 {
            "1 call".to_owned()
        } else {
            format!("{} calls, last {}", event.calls, event.last)
        };
        tell(
            "event",
            &format!(
                "{} {} {} in {}, {} ({calls})",
                event.id, event.source, event.name, event.region, event.time
            ),
        );
        let code = event.error_code.as_deref().unwrap_or("no code");
        tell("error", &format!("{code}: {}", event.error_message.as_deref().unwrap_or("no message")));
    }
    for (name, witness) in [("log", &explanation.log), ("snapshot", &explanation.snapshot)] {
        if let Some(witness) = witness {
            tell(name, &witness_text(witness, name));
        }
    }
    if explanation.agreement == Agreement::Differ {
        tell("", "the two differ: see the notes");
    }
    for mismatch in &explanation.mismatches {
        let actual = mismatch.actual.as_deref().unwrap_or("not known");
        tell(
            &mismatch.element.to_lowercase(),
            &format!(
                "says {}; the request has {actual}{}",
                list(&mismatch.expected),
                near(mismatch.nearest.as_ref())
            ),
        );
    }
    for condition in &explanation.failed_conditions {
        let actual = match condition.state.as_str() {
            "present" => list(&condition.actual),
            "absent" => "no such key".to_owned(),
            _ => "not known".to_owned(),
        };
        let text = format!(
            "{} {}: expected {}; actual {actual}{}",
            condition.operator,
            condition.key,
            list(&condition.expected),
            near(condition.nearest.as_ref())
        );
        tell("condition", &text);
    }
    if let Some(place) = &explanation.statement {
        tell("statement", &place_text(place));
        document(&place.document, &mut lines);
    } else if let Some(missing) = &explanation.missing {
        lines.push("  missing    no statement comes near this one:".to_owned());
        document(missing, &mut lines);
    }
    if let Some(suggestion) = &explanation.suggestion {
        lines.push(format!("  proposal   {}", printable(&suggestion.change)));
        if let Some(document_) = &suggestion.document {
            document(document_, &mut lines);
        }
        let checked = match suggestion.checked {
            true => {
                "A proposal, evaluated: this layer then allows the call. Whether it should is yours to say."
            }
            false => "A proposal: whether the call should be allowed is yours to say.",
        };
        lines.push(format!("             {checked}"));
    }
    lines.extend(explanation.notes.iter().map(|note| format!("  note       {}", printable(note))));
    lines
}

fn headline(explanation: &Explanation) -> String {
    let how = if explanation.explicit { "explicitly" } else { "implicitly" };
    match (explanation.verdict, explanation.layer.as_str()) {
        (Verdict::Allowed, _) => "allowed, as far as the snapshot tells".to_owned(),
        (Verdict::Denied, "unknown") => "denied; by which layer is not known".to_owned(),
        (Verdict::Denied, layer) => {
            format!("denied by {}, {how} ({})", layer_text(layer), printable(&explanation.cause))
        }
        (Verdict::Unknown, _) => format!("not known ({})", printable(&explanation.cause)),
    }
}

fn layer_text(layer: &str) -> &str {
    match layer {
        "identity" => "an identity policy",
        "boundary" => "the permissions boundary",
        "scp" => "a service control policy",
        "rcp" => "a resource control policy",
        "session" => "a session policy",
        "resource" => "the resource's policy",
        "trust" => "the role's trust policy",
        "vpc-endpoint" => "a VPC endpoint policy",
        "identity-provider" => "the identity provider",
        other => other,
    }
}

fn witness_text(witness: &Witness, name: &str) -> String {
    let verdict = match (witness.verdict, witness.explicit) {
        (Verdict::Allowed, _) => "allows",
        (Verdict::Unknown, _) => "cannot tell",
        (Verdict::Denied, true) => "denies explicitly",
        (Verdict::Denied, false) => "denies implicitly",
    };
    match (name, witness.layer.as_str()) {
        ("log", "unknown") if witness.explicit => {
            "denied explicitly; the message does not say by what".to_owned()
        }
        ("log", "unknown") => "denied; the message does not say by what".to_owned(),
        (_, layer) => format!("{layer}: {verdict}"),
    }
}

fn place_text(place: &Place) -> String {
    let part = match place.part.as_str() {
        "denies" => "the one that denies",
        "allows" => "the one that allows",
        _ => "the nearest one",
    };
    let sid = place.sid.as_deref().map(|sid| format!(" `{sid}`")).unwrap_or_default();
    format!("{part}: number {}{sid} of {}, {} {}", place.index, place.policy, place.file, place.at)
}

fn near(nearest: Option<&Nearest>) -> String {
    nearest.map(|nearest| format!(" ({})", nearest.detail)).unwrap_or_default()
}

fn list(values: &[String]) -> String {
    match values {
        [] => "nothing".to_owned(),
        values => values.join(" or "),
    }
}

/// JSON, indented below its heading; every line made visible.
fn document(value: &Value, lines: &mut Vec<String>) {
    let text = format!("{value:#}");
    lines.extend(text.lines().map(|line| format!("               {}", printable(line))));
}
