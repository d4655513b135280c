//! Patterns over ARNs.

use super::{Glob, Piece};

/// How `*` and `?` in the first five parts of an ARN pattern treat colons. In the resource part they cross everything.
///
/// The IAM page says that a `*` at the end of a part can run past the colon; the S3 guide says that a wildcard cannot span parts; AWS's
/// own no-new-access check behaves as the S3 guide says. Evaluation uses [`Colons::Stop`], proofs try all three.
///
/// See: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Colons {
    /// No wildcard crosses a colon.
    #[default]
    Stop,
    /// A `*` crosses when it is the last character of its part.
    CrossAtPartEnd,
    /// Every wildcard crosses: the pattern is one glob over the whole text.
    Cross,
}

impl Colons {
    /// All readings, the one evaluation uses first.
    pub const ALL: [Colons; 3] = [Colons::Stop, Colons::CrossAtPartEnd, Colons::Cross];
}

/// What a pattern with fewer than six parts means. AWS does not say; the variants are what was measured, by kind of policy.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ShortArn {
    /// The missing parts are `*`: identity and session policies, permissions boundaries.
    #[default]
    Pad,
    /// The missing parts are `*` if the pattern has a wildcard, else nothing matches: resource and VPC endpoint policies.
    PadIfWildcard,
    /// The missing parts are `*` if the pattern ends in `*`, else nothing matches: service control policies.
    PadAfterStar,
    /// Nothing matches: resource control policies.
    Refuse,
    /// The pattern is compared as it stands, part by part as far as it goes; the other reading a proof must try.
    Literal,
}

/// The parts of an ARN pattern: at most six, split at the first five colons.
pub fn split_arn_pattern(pattern: &str) -> Vec<Vec<Piece>> {
    pattern.splitn(6, ':').map(|part| Piece::parse(part).collect()).collect()
}

impl Glob {
    /// The pattern of an ARN; `None` when it has too few parts to match anything under `short`.
    ///
    /// `*` alone matches every text, also one that is no ARN.
    pub fn arn(pattern: &str, colons: Colons, short: ShortArn) -> Option<Glob> {
        Self::from_arn_parts(split_arn_pattern(pattern), colons, short)
    }

    /// Like [`Glob::arn`], from parts that were split (and had their variables replaced) before. Parts past the sixth are taken
    /// as belonging to the resource part.
    pub fn from_arn_parts(mut parts: Vec<Vec<Piece>>, colons: Colons, short: ShortArn) -> Option<Glob> {
        if let [only] = &*parts
            && !only.is_empty()
            && only.iter().all(|piece| *piece == Piece::AnyRun)
        {
            return Some(Self::from_pieces([Piece::AnyRun]));
        }
        if parts.len() < 6 {
            let pad = match short {
                ShortArn::Pad => true,
                ShortArn::PadIfWildcard => {
                    parts.iter().flatten().any(|piece| !matches!(piece, Piece::Char(_)))
                }
                ShortArn::PadAfterStar => parts.last().and_then(|part| part.last()) == Some(&Piece::AnyRun),
                ShortArn::Refuse => false,
                ShortArn::Literal => return Some(join(parts, colons, false)),
            };
            if !pad {
                return None;
            }
            parts.resize(6, vec![Piece::AnyRun]);
        }
        Some(join(parts, colons, true))
    }
}

/// One glob of the parts. Only when the parts are `complete` is the last one a resource part, which crosses colons.
fn join(parts: Vec<Vec<Piece>>, colons: Colons, complete: bool) -> Glob {
    let n_parts = parts.len();
    let mut pieces = Vec::new();
    for (index, part) in parts.into_iter().enumerate() {
        if index > 0 {
            pieces.push(Piece::Char(':'));
        }
        let free = colons == Colons::Cross || (complete && index >= 5);
        let last = part.len().saturating_sub(1);
        pieces.extend(part.into_iter().enumerate().map(|(at, piece)| match piece {
            // A final `*` of the whole pattern always runs on.
            Piece::AnyRun
                if free || at == last && (colons == Colons::CrossAtPartEnd || index + 1 == n_parts) =>
            {
                Piece::AnyRun
            }
            Piece::AnyRun => Piece::AnyRunInPart,
            Piece::AnyChar if !free => Piece::AnyCharInPart,
            piece => piece,
        }));
    }
    Glob::from_pieces(pieces)
}
