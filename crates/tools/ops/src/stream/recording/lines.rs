//! The lines of a file, packed or not, up to a cut.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read as _, Seek as _};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

const GZIP: [u8; 2] = [0x1f, 0x8b];

fn is_packed(file: &mut File) -> io::Result<bool> {
    let mut first = Vec::new();
    file.by_ref().take(2).read_to_end(&mut first)?;
    file.rewind()?;
    Ok(first == GZIP)
}

/// Unpacks the content if it is packed.
pub(crate) fn open(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    let mut file = File::open(path)?;
    let is_packed = is_packed(&mut file)?;
    let file = BufReader::with_capacity(1 << 17, file);
    if is_packed {
        Ok(Box::new(BufReader::with_capacity(1 << 17, MultiGzDecoder::new(file))))
    } else {
        Ok(Box::new(file))
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NextLine {
    /// A line is in the buffer, without its end.
    Line,
    /// A last line that was cut off has this many bytes.
    End { left: usize },
}

pub(crate) fn next(from: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<NextLine> {
    line.clear();
    match from.read_until(b'\n', line) {
        Ok(_) => {}
        // A packed file that is cut off.
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {}
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::InvalidData) => {
            let why = format!(
                "the file is packed, and damaged here ({error}): `gzip -dc` unpacks what is before, to a file that can \
                 be used"
            );
            return Err(io::Error::new(error.kind(), why));
        }
        Err(error) => return Err(error),
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        return Ok(NextLine::Line);
    }
    Ok(NextLine::End { left: line.len() })
}
