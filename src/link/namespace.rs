//! Network namespaces: entered by the agents, each its own, and by the process that joins the two.
//!
//! A namespace made here has no name: it ends with the last process in it, however that process ends.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};

use super::refusal::Refusal;

/// A network namespace, by a process in it or by a path such as `/run/netns/blue`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NsRef {
    /// That of a process.
    Pid(u32),
    /// That which a file stands for.
    Path(PathBuf),
}

impl NsRef {
    fn path(&self) -> PathBuf {
        match self {
            Self::Pid(pid) => format!("/proc/{pid}/ns/net").into(),
            Self::Path(path) => path.clone(),
        }
    }
}

impl std::fmt::Display for NsRef {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pid(pid) => write!(out, "the network namespace of process {pid}"),
            Self::Path(path) => write!(out, "the network namespace {}", path.display()),
        }
    }
}

/// How a process came into its new network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entered {
    /// By CAP_SYS_ADMIN, in the user namespace that it was in.
    Privileged,
    /// Together with a user namespace of its own, or one that it joined.
    Rootless,
}

/// Puts the calling process into a network namespace of its own: by CAP_SYS_ADMIN where it has that, else
/// together with a new user namespace, in which it keeps its user and group id.
///
/// The process must have one thread: the kernel refuses a new user namespace otherwise.
///
/// # Errors
/// When the kernel refuses both; the sentence names the remedy.
pub(crate) fn enter_new_netns() -> Result<Entered> {
    match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => return Ok(Entered::Privileged),
        Err(Errno::EPERM) => {}
        Err(errno) => return Err(refusal("a new network namespace", errno).into()),
    }
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)
        .map_err(|errno| refusal("a new user namespace", errno))?;
    // In the order that user_namespaces(7) demands: gid_map is refused while setgroups is allowed.
    for (file, text) in [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("{uid} {uid} 1")),
        ("gid_map", format!("{gid} {gid} 1")),
    ] {
        // AppArmor lets the namespace be made and takes its capabilities away, so refusals show up here too.
        std::fs::write(format!("/proc/self/{file}"), text).map_err(|error| {
            let errno = Errno::from_raw(error.raw_os_error().unwrap_or_default());
            refusal(&format!("the {file} of a new user namespace"), errno)
        })?;
    }
    Ok(Entered::Rootless)
}

/// Joins the user namespace that process `first` is in, where it is another one, then enters a new network
/// namespace: so that both network namespaces belong to one user namespace and a pair may join them.
///
/// # Errors
/// When the kernel refuses; the sentence names the remedy.
pub(crate) fn join_user_ns_then_new_netns(first: u32) -> Result<Entered> {
    let path = PathBuf::from(format!("/proc/{first}/ns/user"));
    let theirs = open(&path, "the user namespace of the first agent")?;
    let own = open(Path::new("/proc/self/ns/user"), "the user namespace of this process")?;
    if is_same(&theirs, &own)? {
        return enter_new_netns();
    }
    setns(&theirs, CloneFlags::CLONE_NEWUSER)
        .map_err(|errno| refusal("joining the first agent's user namespace", errno))?;
    unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| refusal("a new network namespace", errno))?;
    Ok(Entered::Rootless)
}

/// The commands that remove what stands in the way of namespaces without root.
fn obstacles() -> Vec<String> {
    obstacles_in(Path::new("/proc/sys"))
}

fn obstacles_in(sysctls: &Path) -> Vec<String> {
    const OBSTACLES: [(&str, &str, u32); 4] = [
        ("kernel/unprivileged_userns_clone", "0", 1),
        ("kernel/apparmor_restrict_unprivileged_userns", "1", 0),
        ("user/max_user_namespaces", "0", 15_000),
        ("user/max_net_namespaces", "0", 15_000),
    ];
    OBSTACLES
        .into_iter()
        .filter(|(file, bad, _)| {
            std::fs::read_to_string(sysctls.join(file)).is_ok_and(|value| value.trim() == *bad)
        })
        .map(|(file, _, good)| format!("sysctl -w {}={good}", file.replace('/', ".")))
        .collect()
}

fn refusal(what: &str, errno: Errno) -> Refusal {
    let obstacles = obstacles();
    let remedy = match errno {
        Errno::EINVAL => {
            "run as root; the kernel lacks CONFIG_USER_NS or CONFIG_NET_NS, or copycost asked with \
                          several threads running"
                .to_owned()
        }
        _ if !obstacles.is_empty() => {
            format!("as root run `{}`, or run copycost as root", obstacles.join("; "))
        }
        Errno::ENOSPC => "run as root `sysctl -w user.max_user_namespaces=15000 \
                          user.max_net_namespaces=15000`: there are too many namespaces"
            .to_owned(),
        _ => "run as root; in a container add `--cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt \
              seccomp=unconfined`; elsewhere see kernel.unprivileged_userns_clone, user.max_user_namespaces \
              and kernel.apparmor_restrict_unprivileged_userns"
            .to_owned(),
    };
    Refusal { what: format!("the kernel refused {what} ({errno})"), remedy }
}

/// An open network namespace.
#[derive(Debug)]
pub(super) struct Netns {
    file: File,
    name: String,
}

impl Netns {
    pub(super) fn open(reference: &NsRef) -> Result<Self> {
        let name = reference.to_string();
        Ok(Self { file: open(&reference.path(), &name)?, name })
    }

    /// The one that an agent keeps for direct pairs.
    pub(super) fn of_agent(file: File) -> Self {
        Self { file, name: "an agent's network namespace for direct pairs".to_owned() }
    }

    /// The one that the calling thread is in.
    pub(super) fn own() -> Result<Self> {
        Self::open(&NsRef::Path("/proc/thread-self/ns/net".into()))
    }

    pub(super) fn is(&self, other: &Self) -> Result<bool> {
        is_same(&self.file, &other.file)
    }

    /// Its number, which no other living namespace has.
    pub(super) fn inode(&self) -> Result<u64> {
        Ok(self.file.metadata()?.ino())
    }

    pub(super) fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.file.as_raw_fd()
    }

    /// Enters it; where that is refused, by way of the user namespace that owns it.
    pub(super) fn enter(&self) -> Result<()> {
        match setns(&self.file, CloneFlags::CLONE_NEWNET) {
            Err(Errno::EPERM) => {}
            Err(Errno::EINVAL) => bail!("{} is not a network namespace", self.name),
            other => return other.with_context(|| format!("cannot enter {}", self.name)),
        }
        let refused = || format!("may not enter {}: run as root, or as the user who made it", self.name);
        let owner = self.owner().with_context(refused)?;
        setns(&owner, CloneFlags::CLONE_NEWUSER).with_context(refused)?;
        setns(&self.file, CloneFlags::CLONE_NEWNET).with_context(refused)
    }

    /// The user namespace that owns it (ioctl_ns(2)).
    fn owner(&self) -> io::Result<File> {
        nix::ioctl_none_bad!(ns_get_userns, libc::NS_GET_USERNS);
        // SAFETY: the ioctl takes no argument and touches no memory of ours.
        let fd = unsafe { ns_get_userns(self.file.as_raw_fd()) }?;
        // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
        Ok(unsafe { File::from_raw_fd(fd) })
    }
}

/// Joins a user namespace by its path.
pub(super) fn join_user_ns(path: &Path) -> Result<()> {
    let file = open(path, "the user namespace")?;
    setns(file, CloneFlags::CLONE_NEWUSER)
        .with_context(|| format!("may not join the user namespace {}", path.display()))
}

fn open(path: &Path, what: &str) -> Result<File> {
    File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            anyhow::anyhow!("{what} does not exist ({}); is its process still running?", path.display())
        }
        io::ErrorKind::PermissionDenied => {
            anyhow::anyhow!(
                "may not open {what} ({}): run as root, or as the user who made it",
                path.display()
            )
        }
        _ => anyhow::anyhow!("cannot open {what} ({}): {error}", path.display()),
    })
}

fn is_same(one: &File, two: &File) -> Result<bool> {
    let id = |file: &File| file.metadata().map(|meta| (meta.dev(), meta.ino()));
    Ok(id(one)? == id(two)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sysctls_that_forbid_namespaces_are_named_with_their_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let set = |file: &str, value: &str| {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, value).unwrap();
        };
        assert!(obstacles_in(dir.path()).is_empty(), "an absent sysctl forbids nothing");
        set("kernel/apparmor_restrict_unprivileged_userns", "1\n");
        set("user/max_user_namespaces", "0\n");
        set("kernel/unprivileged_userns_clone", "1\n");
        assert_eq!(
            obstacles_in(dir.path()),
            [
                "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
                "sysctl -w user.max_user_namespaces=15000"
            ]
        );
    }

    #[test]
    fn a_refusal_names_what_to_do() {
        let text = refusal("a new user namespace", Errno::EPERM).to_string();
        for part in ["a new user namespace", "EPERM", "run as root", "--lab loopback"] {
            assert!(text.contains(part), "`{part}` is missing from: {text}");
        }
    }

    #[test]
    fn a_namespace_that_is_gone_is_said_to_be() {
        let gone = Netns::open(&NsRef::Path("/run/netns/no-such-copycost".into())).unwrap_err();
        assert!(gone.to_string().contains("does not exist"), "{gone}");
    }
}
