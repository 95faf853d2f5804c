//! The kernel that a guest boots: an image and its modules, from where users have them.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::modules::Modules;
use super::package::{self, is_image_name};

/// A kernel to boot.
pub(crate) struct Kernel {
    /// `uname -r`, as the image states it.
    pub(crate) release: String,
    /// The image's bytes.
    pub(crate) image: Vec<u8>,
    /// Where its modules are read from.
    pub(crate) modules: Modules,
    /// Where it came from, for the manifest.
    pub(crate) origin: PathBuf,
}

/// Where distributions keep images and modules.
const BOOT: &str = "/boot";
const MODULES: [&str; 2] = ["/lib/modules", "/usr/lib/modules"];
/// What to do about a kernel that is missing.
const REMEDY: &str = "pass --kernel an image, a directory or a package file: on Debian `apt-get download \
                      linux-image-amd64` names the package to download and pass";

impl Kernel {
    /// The kernel that the user named: an image, a Debian package, a directory that one was unpacked to, or the
    /// name of an image in /boot.
    ///
    /// # Errors
    /// When there is none, or it cannot be read; the sentence says what to do.
    pub(crate) fn named(path: &Path) -> Result<Self> {
        let in_boot = Path::new(BOOT).join(path);
        let path = if path.exists() || !in_boot.exists() { path } else { &in_boot };
        if path.is_dir() {
            return newest(path, |_| true)?
                .with_context(|| format!("{} holds no kernel image (vmlinuz-…); {REMEDY}", path.display()));
        }
        if path.extension().is_some_and(|extension| extension == "deb") {
            let package = package::read(path)?;
            let release = release(&mut &package.image[..], path)?;
            let modules = Modules::Files(package.modules);
            return Ok(Self { release, image: package.image, modules, origin: path.to_owned() });
        }
        Self::of_image(path)
    }

    /// The newest image in /boot that can be read and that suits.
    ///
    /// # Errors
    /// When there is none; the sentence says what to do.
    pub(crate) fn newest(suits: impl Fn(&Modules) -> bool, what: &str) -> Result<Self> {
        newest(Path::new(BOOT), suits)?
            .with_context(|| format!("no kernel in {BOOT} can be read and has {what}; {REMEDY}"))
    }

    fn of_image(path: &Path) -> Result<Self> {
        let mut file = File::open(path)
            .with_context(|| format!("cannot open the kernel image {}; {REMEDY}", path.display()))?;
        let mut image = Vec::new();
        file.read_to_end(&mut image).with_context(|| format!("cannot read {}", path.display()))?;
        let release = release(&mut &image[..], path)?;
        let modules = modules_of(path, &release).with_context(|| {
            format!(
                "the modules of {} are neither in lib/modules/{release} beside it nor in {}; pass --kernel the \
                 directory that its package was unpacked to, or the package",
                path.display(),
                MODULES[0]
            )
        })?;
        Ok(Self { release, image, modules: Modules::Directory(modules), origin: path.to_owned() })
    }
}

/// The newest kernel in a directory: of images, or one that a package was unpacked to.
fn newest(directory: &Path, suits: impl Fn(&Modules) -> bool) -> Result<Option<Kernel>> {
    let mut images = Vec::new();
    for place in [directory, &directory.join("boot")] {
        let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
        images.extend(entries.map(|entry| entry.path()).filter(|path| is_image_name(path)));
    }
    images.sort_by_cached_key(|path| std::cmp::Reverse(version(path)));
    let mut why = None;
    for image in images {
        match Kernel::of_image(&image) {
            Ok(kernel) if suits(&kernel.modules) => return Ok(Some(kernel)),
            Ok(_) => {}
            Err(error) => why = why.or(Some(error)),
        }
    }
    why.map_or(Ok(None), Err)
}

/// What orders images by age: the numbers in their names.
fn version(image: &Path) -> Vec<u64> {
    let name = image.file_name().unwrap_or_default().to_string_lossy();
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

/// The directory of an image's modules: beside it in an unpacked package, or the host's own.
fn modules_of(image: &Path, release: &str) -> Option<PathBuf> {
    let image = image.canonicalize().ok()?;
    let beside =
        image.ancestors().skip(1).take(2).flat_map(|root| {
            ["lib/modules", "usr/lib/modules"].map(|modules| root.join(modules).join(release))
        });
    let own = MODULES.map(|modules| Path::new(modules).join(release));
    beside.chain(own).find(|directory| directory.join("kernel").is_dir())
}

/// What `uname -r` of an image will be: the x86 boot protocol has a pointer to it in the image's header
/// (Documentation/arch/x86/boot.rst: `HdrS` at 0x202, `kernel_version` at 0x20e, counted from 0x200).
fn release(image: &mut &[u8], path: &Path) -> Result<String> {
    let header = image.get(..0x210).filter(|header| &header[0x202..0x206] == b"HdrS");
    let Some(header) = header else {
        bail!("{} is not a kernel image for x86 (bzImage); {REMEDY}", path.display());
    };
    let at = 0x200 + usize::from(u16::from_le_bytes([header[0x20e], header[0x20f]]));
    let text = image.get(at..).unwrap_or_default();
    let text: Vec<u8> = text.iter().copied().take_while(|&byte| byte != 0 && byte != b' ').collect();
    String::from_utf8(text)
        .ok()
        .filter(|release| !release.is_empty() && !release.contains('/'))
        .with_context(|| format!("{} does not state its version", path.display()))
}

/// The bytes in a file that is in memory alone, for a program that is to be handed a file.
pub(crate) fn in_memory(name: &std::ffi::CStr, bytes: &[u8]) -> Result<File> {
    use std::io::Write;
    let flags = nix::sys::memfd::MFdFlags::MFD_CLOEXEC;
    let fd = nix::sys::memfd::memfd_create(name, flags).context("cannot make a file in memory")?;
    let mut file = File::from(fd);
    file.write_all(bytes).context("cannot write to a file in memory")?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(release: &str) -> Vec<u8> {
        let mut bytes = vec![0; 0x300];
        bytes[0x202..0x206].copy_from_slice(b"HdrS");
        bytes[0x20e..0x210].copy_from_slice(&0x80_u16.to_le_bytes());
        bytes[0x280..0x280 + release.len()].copy_from_slice(release.as_bytes());
        bytes
    }

    #[test]
    fn the_newest_kernel_that_suits_is_taken_with_its_modules() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("boot")).unwrap();
        for release in ["6.1.0-9-amd64", "6.1.0-56-amd64", "5.10.0-99-amd64"] {
            let image = image(&format!("{release} (someone) #1"));
            std::fs::write(root.path().join(format!("boot/vmlinuz-{release}")), image).unwrap();
            std::fs::create_dir_all(root.path().join(format!("lib/modules/{release}/kernel"))).unwrap();
        }
        let found = Kernel::named(root.path()).unwrap();
        assert_eq!(found.release, "6.1.0-56-amd64");
        let Modules::Directory(modules) = &found.modules else { panic!("modules of a directory") };
        assert!(modules.ends_with("lib/modules/6.1.0-56-amd64"));
        assert!(newest(root.path(), |_| false).unwrap().is_none());
    }

    #[test]
    fn what_cannot_be_booted_is_refused_with_a_remedy() {
        let root = tempfile::tempdir().unwrap();
        let said = |path: &Path| format!("{:#}", Kernel::named(path).err().unwrap());
        assert!(said(root.path()).contains("apt-get download"));
        assert!(said(Path::new("/nowhere/vmlinuz")).contains("--kernel"));
        let text = root.path().join("vmlinuz-text");
        std::fs::write(&text, "no kernel").unwrap();
        assert!(said(&text).contains("not a kernel image for x86"));
        std::fs::write(&text, image("0.0.0-none")).unwrap();
        assert!(said(&text).contains("modules"), "{}", said(&text));
    }
}
