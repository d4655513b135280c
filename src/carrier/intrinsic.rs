//! CloudFormation's functions: the few that are what they say are replaced, all others stay unknown.
//!
//! See: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html>

use serde_json::{Map, Value, json};

use super::below;

/// What becomes of a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Plain {
    /// No function in it, or only such as are what they say.
    Value(Value),
    /// `AWS::NoValue`: as if it were not there.
    Nothing,
    /// Only known when the stack is made; a sentence with the place.
    Unknown(String),
}

/// Name and argument, when the object is a function.
pub(super) fn function(map: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = map.iter().next().filter(|_| map.len() == 1)?;
    (name == "Ref" || name.starts_with("Fn::")).then_some((name.as_str(), argument))
}

/// Replaces functions that need nothing from outside the template's text.
pub(super) fn plain(value: &Value, at: &str) -> Plain {
    match value {
        Value::Object(map) => match function(map) {
            Some((name, argument)) => literal(name, argument, at),
            None => {
                let mut plainly = Map::new();
                for (key, value) in map {
                    match plain(value, &below(at, key)) {
                        Plain::Value(value) => _ = plainly.insert(key.clone(), value),
                        Plain::Nothing => {}
                        unknown @ Plain::Unknown(_) => return unknown,
                    }
                }
                Plain::Value(Value::Object(plainly))
            }
        },
        Value::Array(items) => {
            let mut plainly = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                match plain(item, &below(at, index)) {
                    Plain::Value(value) => plainly.push(value),
                    Plain::Nothing => {}
                    unknown @ Plain::Unknown(_) => return unknown,
                }
            }
            Plain::Value(Value::Array(plainly))
        }
        other => Plain::Value(other.clone()),
    }
}

fn literal(name: &str, argument: &Value, at: &str) -> Plain {
    let unknown =
        || Plain::Unknown(format!("`{at}` is `{name}`, which is only known when the stack is made"));
    match (name, argument) {
        ("Ref", Value::String(text)) if text == "AWS::NoValue" => Plain::Nothing,
        // Nothing is put in: `${!x}` is the text `${x}`.
        ("Fn::Sub", Value::String(text)) if text.matches("${").count() == text.matches("${!").count() => {
            Plain::Value(Value::String(text.replace("${!", "${")))
        }
        ("Fn::Join", Value::Array(pair)) => match pair.as_slice() {
            [Value::String(between), Value::Array(parts)] => {
                let mut texts = Vec::with_capacity(parts.len());
                for (index, part) in parts.iter().enumerate() {
                    match plain(part, &below(&format!("{at}/Fn::Join/1"), index)) {
                        Plain::Value(Value::String(text)) => texts.push(text),
                        unknown @ Plain::Unknown(_) => return unknown,
                        _ => return unknown(),
                    }
                }
                Plain::Value(Value::String(texts.join(between)))
            }
            _ => unknown(),
        },
        _ => unknown(),
    }
}

/// A YAML value as JSON, with `!Ref x` as `{"Ref": "x"}`. `None` where a key is no text.
pub(super) fn to_json(value: &serde_norway::Value) -> Option<Value> {
    use serde_norway::Value as Yaml;
    Some(match value {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => Value::Bool(*value),
        Yaml::Number(number) => serde_json::from_str(&number.to_string()).ok()?,
        Yaml::String(text) => Value::String(text.clone()),
        Yaml::Sequence(items) => Value::Array(items.iter().map(to_json).collect::<Option<_>>()?),
        Yaml::Mapping(members) => {
            let mut map = Map::new();
            for (key, value) in members {
                let key = match key {
                    Yaml::String(text) => text.clone(),
                    Yaml::Number(number) => number.to_string(),
                    Yaml::Bool(value) => value.to_string(),
                    _ => return None,
                };
                map.insert(key, to_json(value)?);
            }
            Value::Object(map)
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let argument = to_json(&tagged.value)?;
            match tag.trim_start_matches('!') {
                name @ ("Ref" | "Condition") => json!({name: argument}),
                // `!GetAtt A.B` is the list of both.
                "GetAtt" => match &argument {
                    Value::String(text) => {
                        let (resource, attribute) = text.split_once('.').unwrap_or((text, ""));
                        json!({"Fn::GetAtt": [resource, attribute]})
                    }
                    _ => json!({"Fn::GetAtt": argument}),
                },
                name => json!({format!("Fn::{name}"): argument}),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_needs_nothing_from_outside_is_replaced() {
        let unknown = |name: &str| {
            Plain::Unknown(format!("`/x` is `{name}`, which is only known when the stack is made"))
        };
        for (value, expected) in [
            (json!({"Fn::Sub": "arn:aws:s3:::b/*"}), Plain::Value(json!("arn:aws:s3:::b/*"))),
            (json!({"Fn::Sub": "a/${!aws:username}"}), Plain::Value(json!("a/${aws:username}"))),
            (json!({"Fn::Sub": "a/${AWS::Region}"}), unknown("Fn::Sub")),
            (json!({"Fn::Sub": ["a/${x}", {"x": "y"}]}), unknown("Fn::Sub")),
            (json!({"Fn::Join": [":", ["a", {"Fn::Sub": "b"}]]}), Plain::Value(json!("a:b"))),
            (json!({"Ref": "AWS::NoValue"}), Plain::Nothing),
            (json!({"Ref": "Bucket"}), unknown("Ref")),
            (json!([1, {"Ref": "AWS::NoValue"}, "a"]), Plain::Value(json!([1, "a"]))),
        ] {
            assert_eq!(plain(&value, "/x"), expected, "{value}");
        }
        let nested = json!({"Statement": [{"Resource": {"Fn::Join": ["", ["a", {"Ref": "B"}]]}}]});
        assert_eq!(
            plain(&nested, "/d"),
            Plain::Unknown(
                "`/d/Statement/0/Resource/Fn::Join/1/1` is `Ref`, which is only known when the stack is made"
                    .to_owned()
            )
        );
    }

    #[test]
    fn yaml_short_forms_are_the_long_ones() {
        let yaml: serde_norway::Value =
            serde_norway::from_str("a: !Ref B\nc: !Sub x\nd: !GetAtt E.Arn\nv: 2012-10-17\n").unwrap();
        assert_eq!(
            to_json(&yaml),
            Some(
                json!({"a": {"Ref": "B"}, "c": {"Fn::Sub": "x"}, "d": {"Fn::GetAtt": ["E", "Arn"]}, "v": "2012-10-17"})
            )
        );
    }
}
