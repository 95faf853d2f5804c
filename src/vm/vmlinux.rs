//! The kernel inside its image. An image unpacks itself, which takes an emulator two to six seconds and this program
//! a fraction of that; QEMU starts the plain kernel where it has an entry for hypervisors (PVH).

use std::io::Read;
use std::path::Path;

use object::LittleEndian;
use object::elf::FileHeader64;
use object::read::elf::{FileHeader, ProgramHeader};

use super::package::decompressed;

/// Fields of the x86 boot protocol (Documentation/arch/x86/boot.rst): the sectors before the payload's base, the
/// protocol's version, the payload's place and its length.
const SETUP_SECTORS: usize = 0x1f1;
const VERSION: usize = 0x206;
const PAYLOAD: usize = 0x248;
const PAYLOAD_LENGTH: usize = 0x24c;
/// The first version with a payload's place.
const WITH_PAYLOAD: u16 = 0x0208;
/// What the payload may be packed with: its first bytes, and what a file of that kind is called.
const KINDS: [(&[u8], &str); 3] =
    [(&[0x28, 0xb5, 0x2f, 0xfd], "kernel.zst"), (b"\xfd7zXZ\0", "kernel.xz"), (&[0x1f, 0x8b], "kernel.gz")];
/// XEN_ELFNOTE_PHYS32_ENTRY: where a hypervisor enters the kernel.
const ENTRY: u32 = 18;

/// The plain kernel of an image, where it can be unpacked and started; else the image starts itself.
pub(crate) fn plain(image: &[u8]) -> Option<Vec<u8>> {
    let number = |at: usize| {
        Some(u32::from_le_bytes(image.get(at..at + 4)?.try_into().ok()?)).map(|number| number as usize)
    };
    let version = u16::from_le_bytes(image.get(VERSION..VERSION + 2)?.try_into().ok()?);
    if version < WITH_PAYLOAD {
        return None;
    }
    // 0 means 4, for images of old.
    let sectors = Some(usize::from(*image.get(SETUP_SECTORS)?)).filter(|&sectors| sectors > 0).unwrap_or(4);
    let payload = image.get((sectors + 1) * 512 + number(PAYLOAD)?..)?.get(..number(PAYLOAD_LENGTH)?)?;
    let (_, name) = KINDS.into_iter().find(|(magic, _)| payload.starts_with(magic))?;
    // The kernel's length is behind it; in gzip it is the last part of the format, too.
    let (packed, length) = payload.split_last_chunk()?;
    let packed = if name.ends_with("gz") { payload } else { packed };
    let mut kernel = Vec::new();
    decompressed(Path::new(name), packed).ok()?.read_to_end(&mut kernel).ok()?;
    (kernel.len() == u32::from_le_bytes(*length) as usize && has_entry(&kernel)).then_some(kernel)
}

/// Whether a hypervisor may start this kernel.
fn has_entry(kernel: &[u8]) -> bool {
    let found = || -> object::Result<bool> {
        let header = FileHeader64::<LittleEndian>::parse(kernel)?;
        for segment in header.program_headers(LittleEndian, kernel)? {
            let Some(mut notes) = segment.notes(LittleEndian, kernel)? else { continue };
            while let Some(note) = notes.next()? {
                if note.name() == b"Xen" && note.n_type(LittleEndian).0 == ENTRY {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    };
    found().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// An ELF file with one note of this owner and type.
    fn kernel(owner: &[u8; 4], kind: u32) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(0x40, 0);
        bytes[0x10..0x18].copy_from_slice(&[2, 0, 62, 0, 1, 0, 0, 0]);
        bytes[0x20] = 0x40; // program headers
        bytes[0x34] = 0x40; // this header's length
        bytes[0x36] = 56; // a program header's length
        bytes[0x38] = 1; // program headers
        let words: [u64; 7] = [4, 0x78, 0, 0, 20, 20, 4]; // PT_NOTE
        bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        for word in [4, 4, kind] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(owner);
        bytes.extend(0x1_0000_u32.to_le_bytes());
        bytes
    }

    /// An image whose payload this is.
    fn image(kernel: &[u8], version: u16) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(kernel).unwrap();
        let packed = packed.finish().unwrap();
        let mut image = vec![0; 1024 + 16];
        image[SETUP_SECTORS] = 1;
        image[VERSION..VERSION + 2].copy_from_slice(&version.to_le_bytes());
        image[PAYLOAD] = 16;
        image[PAYLOAD_LENGTH..PAYLOAD_LENGTH + 4].copy_from_slice(&(packed.len() as u32).to_le_bytes());
        image.extend(packed);
        image
    }

    #[test]
    fn a_kernel_is_unpacked_where_it_can_be_started_without_its_image() {
        let with_entry = kernel(b"Xen\0", ENTRY);
        assert_eq!(plain(&image(&with_entry, 0x20f)), Some(with_entry.clone()));
        assert_eq!(plain(&image(&with_entry, 0x207)), None, "an image that does not say where its kernel is");
        assert_eq!(plain(&image(&kernel(b"Xen\0", ENTRY + 1), 0x20f)), None);
        assert_eq!(plain(&image(&kernel(b"GNU\0", ENTRY), 0x20f)), None);
        assert_eq!(plain(&image(b"text", 0x20f)), None);
        let whole = image(&with_entry, 0x20f);
        assert!((0..whole.len()).all(|end| plain(&whole[..end]).is_none()), "cut off");
    }
}
