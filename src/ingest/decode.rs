//! The only place that inflates: all gzip members, capped, into a reused buffer.

use flate2::{Crc, Decompress, FlushDecompress, Status};
use simd_json::INPUT_PADDING;

use super::pipeline::Trouble;

/// Both parts of gzip's magic number.
pub(super) const GZIP: [u8; 2] = [0x1f, 0x8b];
/// A buffer larger than this is given back before the next object.
pub(super) const LARGE: usize = 64 << 20;
/// Room made at a time when a member does not tell its size truly.
const STEP: usize = 1 << 20;

/// An inflater whose state and output buffer serve one object after another.
pub(super) struct Decoder {
    inflate: Decompress,
    text: Vec<u8>,
}

impl Decoder {
    pub(super) fn new() -> Self {
        Self { inflate: Decompress::new(false), text: Vec::new() }
    }

    /// Inflates `raw` if it is gzip, else takes it as it is.
    ///
    /// Gives the text, followed by the padding that the JSON reader wants, the text's length, and what is wrong with the
    /// object; what could be inflated up to there is in the text.
    pub(super) fn decode(&mut self, raw: &[u8], most: usize) -> (&mut [u8], usize, Option<Trouble>) {
        self.text.clear();
        self.text.shrink_to(LARGE);
        let trouble = if raw.starts_with(&GZIP) {
            self.members(raw, most)
        } else {
            let kept = raw.get(..most).unwrap_or(raw);
            self.text.extend_from_slice(kept);
            (kept.len() < raw.len()).then(|| too_large(most))
        };
        let length = self.text.len();
        self.text.resize(length + INPUT_PADDING, b' ');
        (&mut self.text, length, trouble)
    }

    fn members(&mut self, raw: &[u8], most: usize) -> Option<Trouble> {
        let mut rest = raw;
        while !rest.is_empty() {
            if !rest.starts_with(&GZIP) {
                let detail = format!("{} bytes follow the last gzip member", rest.len());
                return Some(Trouble { kind: "trailing-bytes", detail });
            }
            match self.member(rest, most) {
                Ok(tail) => rest = tail,
                Err(trouble) => return Some(trouble),
            }
        }
        None
    }

    /// Inflates one member; gives what follows it.
    fn member<'r>(&mut self, raw: &'r [u8], most: usize) -> Result<&'r [u8], Trouble> {
        let mut rest = header(raw).ok_or_else(|| truncated("inside a gzip header"))?;
        self.inflate.reset(false);
        let start = self.text.len();
        // The trailer of the last member tells the size; a wrong one costs a little memory, never more than the cap.
        let claimed = raw.last_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size) as usize);
        let plausible = claimed.min(raw.len().saturating_mul(64)).min(most.saturating_sub(start));
        // Room for the padding too, so that it never makes the buffer move.
        self.text.reserve(plausible + INPUT_PADDING + 1);
        loop {
            if self.text.capacity() == self.text.len() {
                self.text.reserve(STEP);
            }
            let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress_vec(rest, &mut self.text, FlushDecompress::Finish);
            let consumed = usize::try_from(self.inflate.total_in() - before_in).unwrap_or(usize::MAX);
            rest = rest.get(consumed..).unwrap_or_default();
            if self.text.len() > most {
                self.text.truncate(most);
                return Err(too_large(most));
            }
            match status {
                Ok(Status::StreamEnd) => break,
                Ok(_) if consumed == 0 && self.inflate.total_out() == before_out => {
                    return Err(truncated("inside the compressed data"));
                }
                Ok(_) => {}
                Err(error) => {
                    let detail = format!("after {} bytes of text: {error}", self.text.len());
                    return Err(Trouble { kind: "corrupt-gzip", detail });
                }
            }
        }
        let Some((trailer, tail)) = rest.split_first_chunk::<8>() else {
            return Err(truncated("inside the gzip trailer"));
        };
        let (sum, _) =
            trailer.split_first_chunk::<4>().ok_or_else(|| truncated("inside the gzip trailer"))?;
        let mut crc = Crc::new();
        crc.update(self.text.get(start..).unwrap_or_default());
        if crc.sum() != u32::from_le_bytes(*sum) {
            let detail = "the checksum does not match the data".to_owned();
            return Err(Trouble { kind: "corrupt-gzip", detail });
        }
        Ok(tail)
    }
}

fn too_large(most: usize) -> Trouble {
    Trouble { kind: "too-large", detail: format!("only the first {most} bytes were read") }
}

fn truncated(place: &str) -> Trouble {
    Trouble { kind: "truncated-gzip", detail: format!("the object ends {place}") }
}

/// What follows the header of a gzip member; `None` when it ends before. See RFC 1952, section 2.3.
fn header(raw: &[u8]) -> Option<&[u8]> {
    let (fixed, mut rest) = raw.split_first_chunk::<10>()?;
    let flags = fixed.get(3).copied()?;
    if flags & 4 != 0 {
        let (size, tail) = rest.split_first_chunk::<2>()?;
        rest = tail.get(usize::from(u16::from_le_bytes(*size))..)?;
    }
    for flag in [8, 16] {
        if flags & flag != 0 {
            let end = rest.iter().position(|byte| *byte == 0)?;
            rest = rest.get(end + 1..)?;
        }
    }
    if flags & 2 != 0 {
        rest = rest.get(2..)?;
    }
    Some(rest)
}
