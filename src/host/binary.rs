//! Which program this is.

use std::fs::File;
use std::io::Read;

use sha2::{Digest, Sha256};

/// SHA-256 of the running program's file, hexadecimal; absent where `/proc` does not show it.
pub(crate) fn binary_sha256() -> Option<String> {
    let mut file = File::open("/proc/self/exe").ok()?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).ok()? {
            0 => break,
            read => hash.update(&buffer[..read]),
        }
    }
    Some(hex::encode(hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_file() {
        let path = std::env::current_exe().unwrap();
        let Ok(output) = std::process::Command::new("sha256sum").arg(path).output() else {
            crate::skip::skip("the_hash_is_that_of_the_file", "no sha256sum");
            return;
        };
        let expected = String::from_utf8(output.stdout).unwrap();
        assert_eq!(binary_sha256().as_deref(), expected.split(' ').next());
    }
}
