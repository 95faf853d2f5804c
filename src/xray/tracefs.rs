//! Tracepoints: their numbers and the layout of their records, from tracefs.
//!
//! Where tracefs is not mounted, a mount of our own that has no place in any directory tree will do: it
//! needs CAP_SYS_ADMIN and Linux 5.2, disturbs nobody, and is gone when it is closed.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

use super::obstacle::Obstacle;

/// Where tracefs usually is.
const PLACES: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// The tracing file system.
#[derive(Debug)]
pub struct Tracefs {
    root: PathBuf,
    /// Our own mount, open as long as `root` leads through it.
    _mount: Option<OwnedFd>,
}

impl Tracefs {
    /// Finds tracefs, or mounts it for this process alone.
    pub fn open() -> Result<Self, Obstacle> {
        for place in PLACES {
            if Path::new(place).join("events").is_dir() {
                return Ok(Self { root: place.into(), _mount: None });
            }
        }
        let mount = mount().map_err(|error| {
            format!(
                "tracefs is not mounted at {} and cannot be ({error}): CAP_SYS_ADMIN is missing",
                PLACES[0]
            )
        })?;
        Ok(Self { root: format!("/proc/self/fd/{}", mount.as_raw_fd()).into(), _mount: Some(mount) })
    }

    /// Reads a tracepoint's number and fields.
    ///
    /// # Errors
    /// When the kernel has no such tracepoint, or does not let us read of it.
    pub fn tracepoint(&self, group: &str, name: &str) -> Result<Tracepoint, Obstacle> {
        let path = self.root.join("events").join(group).join(name).join("format");
        let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                Obstacle::NotInKernel(format!("this kernel has no tracepoint {group}:{name}"))
            }
            _ => format!("the tracepoint {group}:{name} cannot be read: {error}; run as root").into(),
        })?;
        Tracepoint::parse(&text).ok_or_else(|| format!("the format of {group}:{name} cannot be read").into())
    }
}

fn mount() -> rustix::io::Result<OwnedFd> {
    let context = fsopen("tracefs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&context)?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::MOUNT_ATTR_RDONLY)
}

/// A tracepoint: what perf_event_open calls it, and where its fields lie in a raw record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracepoint {
    /// The kernel's id for it, which perf takes as `config`.
    pub id: u64,
    fields: Vec<RecordField>,
}

/// One integer field of a raw record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordField {
    name: String,
    offset: usize,
    size: usize,
    signed: bool,
}

impl Tracepoint {
    /// Reads a `format` file.
    fn parse(text: &str) -> Option<Self> {
        let id = text.lines().find_map(|line| line.strip_prefix("ID:"))?.trim().parse().ok()?;
        Some(Self { id, fields: text.lines().filter_map(RecordField::parse).collect() })
    }

    /// The field of this name.
    pub fn field(&self, name: &str) -> Result<RecordField, Obstacle> {
        let field = self.fields.iter().find(|field| field.name == name).cloned();
        field.ok_or_else(|| {
            Obstacle::NotInKernel(format!("tracepoint {} has no field `{name}` in this kernel", self.id))
        })
    }
}

impl RecordField {
    /// Reads `field:int len; offset:16; size:4; signed:1;`.
    fn parse(line: &str) -> Option<Self> {
        let mut parts = line.trim().split(';').map(str::trim);
        let name = parts.next()?.strip_prefix("field:")?.split_whitespace().next_back()?;
        let mut number = |key| parts.next()?.strip_prefix(key)?.parse::<usize>().ok();
        Some(Self {
            name: name.to_owned(),
            offset: number("offset:")?,
            size: number("size:")?,
            signed: number("signed:")? != 0,
        })
    }

    /// The field's value in a raw record; none when the record is too short or the field no integer.
    pub fn read(&self, raw: &[u8]) -> Option<i64> {
        let bytes = raw.get(self.offset..self.offset + self.size)?;
        Some(match (bytes.len(), self.signed) {
            (4, true) => i32::from_ne_bytes(bytes.try_into().ok()?).into(),
            (4, false) => u32::from_ne_bytes(bytes.try_into().ok()?).into(),
            (8, _) => i64::from_ne_bytes(bytes.try_into().ok()?),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: &str = "name: skb_copy_datagram_iovec\nID: 2308\nformat:\n\
        \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\
        \tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n\
        \tfield:const void * skbaddr;\toffset:8;\tsize:8;\tsigned:0;\n\
        \tfield:int len;\toffset:16;\tsize:4;\tsigned:1;\n\n\
        print fmt: \"skbaddr=%p len=%d\", REC->skbaddr, REC->len\n";

    #[test]
    fn a_format_tells_where_a_field_lies() {
        let tracepoint = Tracepoint::parse(FORMAT).unwrap();
        assert_eq!((tracepoint.id, tracepoint.fields.len()), (2308, 4));
        let len = tracepoint.field("len").unwrap();
        let mut raw = [0; 20];
        raw[16..].copy_from_slice(&(-7_i32).to_ne_bytes());
        assert_eq!(len.read(&raw), Some(-7));
        assert_eq!(len.read(&raw[..19]), None);
        assert!(tracepoint.field("bytes").unwrap_err().to_string().contains("`bytes`"));
    }

    #[test]
    fn the_kernels_own_tracepoint_is_found() {
        let Some(tracefs) = crate::skip::unless("the_kernels_own_tracepoint_is_found", Tracefs::open())
        else {
            return;
        };
        match tracefs.tracepoint("skb", "skb_copy_datagram_iovec") {
            Ok(tracepoint) => assert!(tracepoint.id > 0 && tracepoint.field("len").is_ok()),
            Err(why) => crate::skip::skip("the_kernels_own_tracepoint_is_found", why),
        }
        assert!(
            tracefs
                .tracepoint("skb", "no_such")
                .unwrap_err()
                .to_string()
                .contains("no tracepoint skb:no_such")
        );
    }
}
