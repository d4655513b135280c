//! Encoded reasons of refusals: decoded by somebody before, or by AWS now.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use leastwise::aws::{self, Aws, LONGEST_ENCODED, Trouble, decode_message};
use leastwise::explain::{Decoded, Refusal, encoded_message};

use crate::cli::live::LIVE;
use crate::cli::{Failure, Terminal};

/// The longest text read of a user's file.
const MOST_BYTES: u64 = 1 << 20;
/// Messages of one log that AWS is asked about.
const MOST_ASKED: usize = 200;

/// What is to be done about encoded reasons.
pub(super) enum Message {
    /// Nothing.
    None,
    /// This is one of them, decoded.
    Known(Box<Decoded>),
    /// AWS is asked about each.
    Live,
}

impl Message {
    /// As the command line says it.
    pub(super) fn given(
        decoded: Option<&str>,
        encoded: Option<&Path>,
        settings: &aws::Settings,
        terminal: &Terminal,
    ) -> Result<Self, Failure> {
        if let Some(path) = encoded {
            let text = text(path)?;
            let message = encoded_message(&text).ok_or_else(|| {
                Failure::usage(format!("`{}` holds no encoded message", path.display())).hint(
                    "give the whole error text, which ends in `Encoded authorization failure message: …`",
                )
            })?;
            if message.len() > LONGEST_ENCODED {
                return Err(Failure::usage(format!(
                    "the encoded message has {} characters; STS takes {LONGEST_ENCODED}",
                    message.len()
                )));
            }
            terminal.note("asking AWS to decode the message");
            let aws = connect(settings)?;
            let told = decode_message(&aws, message, None).map_err(|error| failure(&error))?;
            let decoded = Decoded::parse(&told)
                .map_err(|error| Failure::failed(format!("AWS's answer is no decoded message: {error}")))?;
            return Ok(Self::Known(Box::new(decoded)));
        }
        match decoded {
            None => Ok(Self::None),
            Some(LIVE) => Ok(Self::Live),
            Some(path) => {
                let text = text(Path::new(path))?;
                let decoded = Decoded::parse(&text)
                    .map_err(|error| Failure::usage(format!("`{path}` is no decoded message: {error}")))?;
                Ok(Self::Known(Box::new(decoded)))
            }
        }
    }

    /// The refusals with what their messages tell, and whether all were told.
    pub(super) fn told(
        self,
        refusals: Vec<Refusal>,
        settings: &aws::Settings,
        terminal: &Terminal,
    ) -> Result<(Vec<Refusal>, bool), Failure> {
        match self {
            Self::None => Ok((refusals, true)),
            Self::Known(decoded) => {
                let theirs = refusals.into_iter().filter(|refusal| refusal.may_say(&decoded));
                let told: Vec<Refusal> = theirs.map(|refusal| refusal.with(&decoded)).collect();
                match told.is_empty() {
                    false => Ok((told, true)),
                    true => Err(Failure::usage(format!(
                        "the decoded message is about `{}`, and no refused call with an encoded reason is",
                        decoded.action()
                    ))
                    .hint("give the message of the same event, or the message alone")),
                }
            }
            Self::Live => live(refusals, settings, terminal),
        }
    }
}

fn live(
    refusals: Vec<Refusal>,
    settings: &aws::Settings,
    terminal: &Terminal,
) -> Result<(Vec<Refusal>, bool), Failure> {
    let n_cut = refusals.iter().filter(|refusal| refusal.is_encoded_cut()).count();
    if n_cut > 0 {
        terminal.warning(&format!(
            "the log has only the beginning of {n_cut} encoded {}, which AWS does not decode; give the text of the error that the client got with --encoded",
            if n_cut == 1 { "reason" } else { "reasons" }
        ));
    }
    let n_whole = refusals.iter().filter(|refusal| refusal.encoded().is_some()).count();
    if n_whole == 0 {
        if n_cut == 0 {
            terminal.note("no refused call has an encoded reason: there is nothing to decode");
        }
        return Ok((refusals, n_cut == 0));
    }
    if n_whole > MOST_ASKED {
        terminal.warning(&format!(
            "AWS is asked about {MOST_ASKED} of {n_whole} encoded reasons; name one event with --event"
        ));
    }
    let aws = connect(settings)?;
    let mut all = n_cut == 0 && n_whole <= MOST_ASKED;
    let mut known: BTreeMap<String, Result<Decoded, String>> = BTreeMap::new();
    let mut told = Vec::new();
    for refusal in refusals {
        let Some(encoded) = refusal.encoded() else {
            told.push(refusal);
            continue;
        };
        if !known.contains_key(encoded) && known.len() < MOST_ASKED {
            let answer = decode_message(&aws, encoded, Some(refusal.region()));
            let decoded = match answer {
                Ok(text) => Decoded::parse(&text).map_err(|error| error.to_string()),
                // One message may be of another account; everything else is the same for all.
                Err(error) if *error.trouble() == Trouble::Other => Err(error.to_string()),
                Err(error) => return Err(failure(&error)),
            };
            known.insert(encoded.to_owned(), decoded);
        }
        told.push(match known.get(encoded) {
            Some(Ok(decoded)) => refusal.with(decoded),
            Some(Err(why)) => {
                all = false;
                terminal.warning(&format!(
                    "the encoded reason of event `{}` is not decoded: {why}",
                    refusal.event_id()
                ));
                refusal
            }
            None => refusal,
        });
    }
    Ok((told, all))
}

fn connect(settings: &aws::Settings) -> Result<Aws, Failure> {
    Aws::connect(settings).map_err(|error| crate::cli::aws::failure(&error))
}

fn failure(error: &aws::AwsError) -> Failure {
    let failure = Failure::failed("AWS does not decode the message").because(error);
    let hint = match error.trouble() {
        Trouble::Denied => Some(
            "the caller needs `sts:DecodeAuthorizationMessage` (`leastwise permissions --for explain`), in the account whose call was refused"
                .to_owned(),
        ),
        Trouble::Other => Some(
            "the message must be whole, and the credentials of the account whose call was refused (--profile, or --assume-role)"
                .to_owned(),
        ),
        _ => error.hint(),
    };
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// A user's file, or standard input.
fn text(path: &Path) -> Result<String, Failure> {
    let cannot =
        |error: &io::Error| Failure::usage(format!("cannot read `{}`", path.display())).because(error);
    let mut text = String::new();
    if path.as_os_str() == "-" {
        io::stdin().take(MOST_BYTES).read_to_string(&mut text).map_err(|error| cannot(&error))?;
        return Ok(text);
    }
    let file = std::fs::File::open(path).map_err(|error| cannot(&error))?;
    file.take(MOST_BYTES).read_to_string(&mut text).map_err(|error| cannot(&error))?;
    Ok(text)
}
