use proptest::prelude::*;

use super::*;

/// The definition, spelled out: a wildcard either takes nothing more or takes one character.
fn naive(pattern: &[Piece], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some((piece, rest)), taken) if piece.is_run() => {
            naive(rest, text) || taken.is_some_and(|(c, tail)| piece.takes(*c) && naive(pattern, tail))
        }
        (Some(_), None) => false,
        (Some((piece, rest)), Some((c, tail))) => piece.takes(*c) && naive(rest, tail),
    }
}

fn matches_naively(glob: &Glob, text: &str) -> bool {
    naive(glob.pieces(), &text.chars().collect::<Vec<_>>())
}

fn pattern() -> impl Strategy<Value = String> {
    "[ab:*?]{0,7}"
}

fn any_glob() -> impl Strategy<Value = Glob> {
    let piece = prop_oneof![
        Just(Piece::Char('a')),
        Just(Piece::Char('b')),
        Just(Piece::Char(':')),
        Just(Piece::AnyChar),
        Just(Piece::AnyRun),
        Just(Piece::AnyCharInPart),
        Just(Piece::AnyRunInPart),
    ];
    proptest::collection::vec(piece, 0..7).prop_map(Glob::from_pieces)
}

/// Every text over a small alphabet up to a length that shows any difference between short patterns.
fn all_texts(longest: usize) -> Vec<String> {
    let mut texts = vec![String::new()];
    let mut from = 0;
    for _ in 0..longest {
        let until = texts.len();
        for index in from..until {
            for c in ['a', 'b', ':', 'x'] {
                texts.push(format!("{}{c}", texts[index]));
            }
        }
        from = until;
    }
    texts
}

#[test]
fn table_of_matches() {
    for (pattern, text, expected) in [
        ("", "", true),
        ("*", "", true),
        ("?", "", false),
        ("a*", "a", true),
        ("a*b*c", "axxbyyc", true),
        ("a*b*c", "axxbyy", false),
        ("b/*/test/*", "b/1/2/test/3/o", true),
        ("b/*/test/*", "b/1-test/o", false),
        ("*a", "aaab", false),
        ("a?c", "aéc", true),
        ("[a]", "[a]", true),
        ("[a]", "a", false),
    ] {
        assert_eq!(Glob::new(pattern).matches(text), expected, "{pattern} {text}");
    }
    assert!(Glob::ignoring_case("S3:Get*").matches("s3:GETobject"));
    assert!(!Glob::new("S3:Get*").matches("s3:GetObject"));
    assert!(Glob::literal("a*").matches("a*") && !Glob::literal("a*").matches("ab"));
}

#[test]
fn equal_languages_are_written_alike() {
    assert_eq!(Glob::new("a**?*b"), Glob::new("a?*b"));
    assert_eq!(Glob::new("a***").to_string(), "a*");
}

#[test]
fn hostile_patterns_are_answered() {
    let pattern = "*a".repeat(400) + "*b";
    assert!(!Glob::new(&pattern).matches(&"a".repeat(2_000)));
    // An inclusion question that needs exponentially many sets ends at the bound, on the safe side.
    let outer = Glob::new(&format!("*a{}", "?".repeat(60)));
    let inner = Glob::new(&format!("{}a{}", "?*a".repeat(30), "?*".repeat(40)));
    assert!(!outer.subsumes(&inner));
}

#[test]
fn inclusion_table() {
    for (outer, inner, expected) in [
        ("*", "?", true),
        ("?*", "*", false),
        ("a*", "ab*", true),
        ("*b*", "a*b*c", true),
        ("*ab*", "*a*b*", false),
        ("a*b", "a?*b", true),
        ("a?*b", "a*b", false),
        ("*a*", "*aa*", true),
        ("*?a*", "ba*", true),
    ] {
        assert_eq!(Glob::new(outer).subsumes(&Glob::new(inner)), expected, "{outer} {inner}");
    }
}

#[test]
fn arn_readings_differ_where_the_pages_differ() {
    let bucket = "arn:aws:s3:::bucket/a:b/c";
    for (pattern, text, stop, at_end, cross) in [
        ("*", "anything", true, true, true),
        ("arn:aws:s3:::bucket/*", bucket, true, true, true),
        ("arn:aws:s3:::*", bucket, true, true, true),
        ("arn:*:s3:::bucket/*", "arn:aws:x:s3:::bucket/k", false, true, true),
        ("arn:aws:s*:::bucket/*", bucket, true, true, true),
        ("arn:a*3:::bucket/*", bucket, false, false, true),
        ("arn:aws:ec2:*:1:instance/*", "arn:aws:ec2:eu-west-1:1:instance/i-1", true, true, true),
        ("arn:aws:ec2:*:1:instance/*", "arn:aws:ec2:a:b:1:instance/i-1", false, true, true),
        ("arn:aws:s3*", bucket, true, true, true),
    ] {
        let found =
            Colons::ALL.map(|colons| Glob::arn(pattern, colons, ShortArn::Pad).unwrap().matches(text));
        assert_eq!(found, [stop, at_end, cross], "{pattern} {text}");
    }
}

#[test]
fn short_arns_by_kind() {
    let arn = |pattern, short| Glob::arn(pattern, Colons::Stop, short);
    let bucket = "arn:aws:s3:::bucket";
    for (pattern, pad, wildcard, star, refuse, literal) in [
        ("arn:aws:s3", true, false, false, false, false),
        ("arn:aws:s?", true, true, false, false, false),
        ("arn:aws:*", true, true, true, false, true),
        ("*", true, true, true, true, true),
    ] {
        let found = [
            ShortArn::Pad,
            ShortArn::PadIfWildcard,
            ShortArn::PadAfterStar,
            ShortArn::Refuse,
            ShortArn::Literal,
        ]
        .map(|short| arn(pattern, short).is_some_and(|glob| glob.matches(bucket)));
        assert_eq!(found, [pad, wildcard, star, refuse, literal], "{pattern}");
    }
}

proptest! {
    #[test]
    fn matching_follows_the_definition(glob in any_glob(), text in "[abx:]{0,8}") {
        prop_assert_eq!(glob.matches(&text), matches_naively(&glob, &text));
    }

    #[test]
    fn case_is_folded_on_both_sides(pattern in "[aB*?]{0,6}", text in "[Ab]{0,6}") {
        let folded = Glob::new(&pattern.to_ascii_lowercase()).matches(&text.to_ascii_lowercase());
        prop_assert_eq!(Glob::ignoring_case(&pattern).matches(&text), folded);
    }

    #[test]
    fn normalising_keeps_the_language(pattern in pattern(), text in "[abx:]{0,6}") {
        let pieces: Vec<_> = Piece::parse(&pattern).collect();
        prop_assert_eq!(Glob::new(&pattern).matches(&text), naive(&pieces, &text.chars().collect::<Vec<_>>()));
    }

    #[test]
    fn a_common_text_matches_both_and_is_found_when_there_is_one(a in any_glob(), b in any_glob()) {
        let common = a.intersection(&b);
        if let Some(text) = &common {
            prop_assert!(a.matches(text) && b.matches(text), "{} {} {}", a, b, text);
        } else {
            for text in all_texts(5) {
                prop_assert!(!(a.matches(&text) && b.matches(&text)), "{} {} {}", a, b, text);
            }
        }
        if let Some(text) = &common {
            let shorter = text.chars().count().saturating_sub(1).min(4);
            prop_assert!(text.is_empty() || all_texts(shorter).iter().all(|t| !(a.matches(t) && b.matches(t))));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn inclusion_is_exact(a in any_glob(), b in any_glob()) {
        // Seven pieces a side: a difference shows in a text of the inner pattern's length plus a few.
        let difference = all_texts(7).into_iter().find(|text| b.matches(text) && !a.matches(text));
        if a.subsumes(&b) {
            prop_assert_eq!(difference, None, "{:?} {:?}", a, b);
        } else if b.pieces().len() + a.pieces().len() <= 7 {
            prop_assert!(difference.is_some(), "{:?} {:?}", a, b);
        }
    }
}
