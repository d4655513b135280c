//! The embedded catalog as the program carries it: `data/actions.tsv` in blocks of whole services, each compressed on its own.
//!
//! Opening it unpacks the headings; a block is unpacked when one of its services is first asked for, so that a process pays for the
//! services its logs name and no others.
//!
//! ```text
//! leastwise-packed-catalog 1 ⇥ bytes of the index, packed ⇥ unpacked
//! the index, a Zstandard frame: the text's first line, and for each block
//!     = ⇥ bytes, packed ⇥ unpacked
//!     the headings of its services, as they stand in the text
//! the blocks, a Zstandard frame each: the lines of their services without the headings
//! ```

use std::fmt::Write as _;
use std::io;
use std::sync::OnceLock;

use super::index::CatalogError;

const MAGIC: &str = "leastwise-packed-catalog 1";
/// A block ends with the service that fills it; the largest service has some 150 KB.
const FULL_BLOCK: usize = 48 << 10;
/// More than any block or index has: what a damaged length may ask for.
const LARGEST_BLOCK: usize = 16 << 20;
/// Zstandard's highest level that needs no more memory to unpack.
const LEVEL: i32 = 19;

/// Some services' lines, unpacked on first use.
#[derive(Debug)]
pub(super) struct Block {
    packed: &'static [u8],
    size: usize,
    text: OnceLock<&'static str>,
}

impl Block {
    /// The block's lines. A block that does not unpack has none; `the_program_carries_what_the_text_says` keeps the file free of them.
    pub(super) fn text(&self) -> &'static str {
        self.text.get_or_init(|| {
            // A catalog borrows its text for good, and the embedded one lives as long as the process.
            unpacked(self.packed, self.size).map_or("", |text| Box::leak(text.into_boxed_str()))
        })
    }
}

/// The first line of the text, the headings with the block each lies in, and the blocks.
pub(super) struct Index {
    pub(super) head: String,
    /// A heading without its `@`, and the place of its block.
    pub(super) headings: Vec<(String, usize)>,
    pub(super) blocks: Vec<Block>,
}

/// Reads the index; no block is unpacked.
pub(super) fn index(bytes: &'static [u8]) -> Result<Index, CatalogError> {
    let wrong = |near: &str| CatalogError::new("packed form", near);
    let end = bytes.iter().take(128).position(|byte| *byte == b'\n').ok_or_else(|| wrong(""))?;
    let (first, mut rest) = bytes.split_at_checked(end + 1).ok_or_else(|| wrong(""))?;
    let first = str::from_utf8(first).map_err(|_| wrong(""))?.trim_end();
    let (packed, size) = first.strip_prefix(MAGIC).and_then(lengths).ok_or_else(|| wrong(first))?;
    let mut take = |length: usize| {
        let (taken, after) = rest.split_at_checked(length)?;
        rest = after;
        Some(taken)
    };
    let text = take(packed).and_then(|packed| unpacked(packed, size)).ok_or_else(|| wrong("the index"))?;
    let mut lines = text.lines();
    let head = lines.next().unwrap_or_default().to_owned();
    let (mut headings, mut blocks) = (Vec::with_capacity(512), Vec::with_capacity(64));
    for line in lines {
        if let Some(heading) = line.strip_prefix('@') {
            let block = blocks.len().checked_sub(1).ok_or_else(|| wrong(line))?;
            headings.push((heading.to_owned(), block));
            continue;
        }
        let (packed, size) = line.strip_prefix('=').and_then(lengths).ok_or_else(|| wrong(line))?;
        let packed = take(packed).ok_or_else(|| wrong(line))?;
        blocks.push(Block { packed, size, text: OnceLock::new() });
    }
    Ok(Index { head, headings, blocks })
}

/// `⇥ packed ⇥ unpacked`.
fn lengths(text: &str) -> Option<(usize, usize)> {
    let (packed, size) = text.strip_prefix('\t')?.split_once('\t')?;
    Some((packed.parse().ok()?, size.parse().ok().filter(|size| *size <= LARGEST_BLOCK)?))
}

fn unpacked(packed: &[u8], size: usize) -> Option<String> {
    let bytes = zstd::bulk::decompress(packed, size).ok().filter(|bytes| bytes.len() == size)?;
    String::from_utf8(bytes).ok()
}

/// Packs a catalog text that [`super::Catalog::read`] reads; `cargo catalog` writes the file with it.
///
/// # Errors
///
/// A text that is no catalog, and whatever the compressor says.
pub fn packed(text: &str) -> io::Result<Vec<u8>> {
    let cut = || io::Error::new(io::ErrorKind::InvalidData, "the text is no catalog");
    let (head, mut rest) = text.split_once('\n').ok_or_else(cut)?;
    let (mut index, mut frames) = (format!("{head}\n"), Vec::new());
    while !rest.is_empty() {
        let (mut headings, mut block) = (String::new(), String::new());
        while !rest.is_empty() && block.len() < FULL_BLOCK {
            let (heading, tail) = rest.split_once('\n').ok_or_else(cut)?;
            let length = heading.rsplit('\t').next().and_then(|text| text.parse().ok()).ok_or_else(cut)?;
            let (lines, tail) = tail.split_at_checked(length).ok_or_else(cut)?;
            let _ = writeln!(headings, "{heading}");
            block.push_str(lines);
            rest = tail;
        }
        let frame = zstd::bulk::compress(block.as_bytes(), LEVEL)?;
        let _ = write!(index, "=\t{}\t{}\n{headings}", frame.len(), block.len());
        frames.extend(frame);
    }
    let packed = zstd::bulk::compress(index.as_bytes(), LEVEL)?;
    let mut file = format!("{MAGIC}\t{}\t{}\n", packed.len(), index.len()).into_bytes();
    file.extend(packed);
    file.extend(frames);
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    fn leaked(bytes: Vec<u8>) -> &'static [u8] {
        Box::leak(bytes.into_boxed_slice())
    }

    /// A catalog of two blocks.
    fn text() -> String {
        let row = "\t\nDoIt\tW\n".to_owned();
        let large = "\t".to_owned() + &"\tsome:key".repeat(8_000) + "\nDoIt\tW\n";
        let services = [("a", &large), ("b", &row), ("c", &large)];
        let body: String =
            services.iter().map(|(name, lines)| format!("@{name}\t1\t{}\n{lines}", lines.len())).collect();
        format!("leastwise-catalog 1\t2026-01-01\t3\t3\n{body}")
    }

    #[test]
    fn what_is_packed_comes_out_again() {
        let text = text();
        let bytes = leaked(packed(&text).unwrap());
        assert!(bytes.len() * 10 < text.len());
        assert_eq!(index(bytes).unwrap().blocks.len(), 2);
        let catalog = Catalog::read_packed(bytes).unwrap();
        catalog.verify().unwrap();
        assert_eq!((catalog.date(), catalog.n_services(), catalog.n_actions()), ("2026-01-01", 3, 3));
        assert_eq!(catalog.text(), text);
    }

    #[test]
    fn a_damaged_file_is_refused_or_found_by_verify() {
        let whole = packed(&text()).unwrap();
        let refused = |bytes: Vec<u8>| match Catalog::read_packed(leaked(bytes)) {
            Ok(catalog) => catalog.verify().is_err(),
            Err(_) => true,
        };
        assert!(!refused(whole.clone()));
        for length in [0, 10, 40, whole.len() / 2, whole.len() - 1] {
            assert!(refused(whole[..length].to_vec()), "cut at {length}");
        }
        let at_first_block = whole.len() / 2;
        for at in [3, 28, 60, at_first_block, whole.len() - 4] {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            assert!(refused(bytes), "changed at {at}");
        }
        let huge = format!("{MAGIC}\t4\t99999999999\n").into_bytes();
        assert!(refused(huge));
    }
}
