//! A Debian package of a kernel, read without unpacking it: the image and its modules.
//!
//! A package is an `ar` archive whose member `data.tar.*` is the file tree (deb(5)).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// What a kernel's package holds.
pub(super) struct Package {
    /// `boot/vmlinuz-…`.
    pub(super) image: Vec<u8>,
    /// Files below `lib/modules/RELEASE`, by their path there: modules, and the list of what is built in.
    pub(super) modules: BTreeMap<PathBuf, Vec<u8>>,
}

/// Reads the package.
///
/// # Errors
/// When it is damaged, or holds no kernel image.
pub(super) fn read(path: &Path) -> Result<Package> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut archive = ar::Archive::new(BufReader::new(file));
    while let Some(member) = archive.next_entry() {
        let member = member.with_context(|| format!("{} is not a Debian package", path.display()))?;
        let name = String::from_utf8_lossy(member.header().identifier()).into_owned();
        if name.starts_with("data.tar") {
            let tree = decompressed(Path::new(&name), member)
                .and_then(tree)
                .with_context(|| format!("{} in {} cannot be read", name, path.display()))?;
            return match tree {
                Some(package) => Ok(package),
                None => bail!(
                    "{} holds no kernel image (boot/vmlinuz-…); a meta-package only names the package that does",
                    path.display()
                ),
            };
        }
    }
    bail!("{} is not a Debian package: it has no data.tar", path.display())
}

fn tree(tar: Box<dyn Read + '_>) -> Result<Option<Package>> {
    let (mut image, mut modules) = (None, BTreeMap::new());
    for entry in tar::Archive::new(tar).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let path = path.strip_prefix(".").unwrap_or(&path);
        let path = path.strip_prefix("usr").unwrap_or(path);
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let mut bytes = Vec::new();
        if path.parent() == Some(Path::new("boot")) && is_image_name(path) {
            entry.read_to_end(&mut bytes)?;
            image = Some(bytes);
        } else if let Ok(below) = path.strip_prefix("lib/modules") {
            let below: PathBuf = below.components().skip(1).collect();
            entry.read_to_end(&mut bytes)?;
            modules.insert(below, bytes);
        }
    }
    Ok(image.map(|image| Package { image, modules }))
}

/// Whether a file's name is that of a kernel image.
pub(super) fn is_image_name(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz"))
}

/// The bytes behind a file's compression, which its name shows.
pub(super) fn decompressed<'a>(name: &Path, bytes: impl Read + 'a) -> Result<Box<dyn Read + 'a>> {
    let kind = name.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    Ok(match kind {
        "xz" => Box::new(liblzma::read::XzDecoder::new_multi_decoder(bytes)),
        "zst" => Box::new(
            ruzstd::decoding::StreamingDecoder::new(bytes)
                .map_err(|error| anyhow::anyhow!("not compressed by zstd: {error}"))?,
        ),
        "gz" => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
        _ => Box::new(bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(files: &[(&str, &[u8])]) -> tempfile::NamedTempFile {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, name, *bytes).unwrap();
        }
        let tar = tar.into_inner().unwrap();
        let file = tempfile::NamedTempFile::with_suffix(".deb").unwrap();
        let mut ar = ar::Builder::new(file.reopen().unwrap());
        ar.append(&ar::Header::new(b"debian-binary".to_vec(), 4), &b"2.0\n"[..]).unwrap();
        ar.append(&ar::Header::new(b"data.tar".to_vec(), tar.len() as u64), &tar[..]).unwrap();
        file
    }

    #[test]
    fn an_image_and_its_modules_are_found_wherever_a_distribution_puts_them() {
        for prefix in ["", "usr/"] {
            let module = format!("{prefix}lib/modules/6.1.0/kernel/drivers/net/veth.ko");
            let file = package(&[("boot/vmlinuz-6.1.0", b"image"), (&module, b"veth")]);
            let package = read(file.path()).unwrap();
            assert_eq!(package.image, b"image");
            assert_eq!(package.modules[Path::new("kernel/drivers/net/veth.ko")], b"veth");
        }
    }

    #[test]
    fn what_is_no_kernels_package_is_said_to_be() {
        let meta = package(&[("usr/share/doc/linux-image/README", b"see the other one")]);
        assert!(read(meta.path()).err().unwrap().to_string().contains("meta-package"));
        let text = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(text.path(), "no archive").unwrap();
        assert!(read(text.path()).err().unwrap().to_string().contains("not a Debian package"));
    }
}
