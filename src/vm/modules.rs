//! A kernel's modules: which ones a guest needs, in the order in which they can be loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use object::{Object, ObjectSection};

use super::package::decompressed;

/// Where the modules of one kernel are.
pub(crate) enum Modules {
    /// A directory `lib/modules/RELEASE`.
    Directory(PathBuf),
    /// The files of a package, by their path in such a directory.
    Files(BTreeMap<PathBuf, Vec<u8>>),
}

/// A module that a guest loads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Module {
    /// Its name, with `_` for `-`.
    pub(crate) name: String,
    /// The object file, uncompressed.
    pub(crate) bytes: Vec<u8>,
}

impl Modules {
    /// The modules of these names and all that they need, in the order in which they can be loaded. What is
    /// built into the kernel is left out.
    pub(crate) fn load_order(&self, names: &[&str]) -> Result<Vec<Module>> {
        let paths = self.paths()?;
        let (mut order, mut seen) = (Vec::new(), BTreeSet::new());
        for name in names {
            self.add(name, &paths, &mut order, &mut seen)?;
        }
        Ok(order)
    }

    /// Whether the kernel has this, built in or as a module.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.paths().is_ok_and(|paths| paths.contains_key(name))
    }

    fn add(
        &self,
        name: &str,
        paths: &BTreeMap<String, Option<PathBuf>>,
        order: &mut Vec<Module>,
        seen: &mut BTreeSet<String>,
    ) -> Result<()> {
        if !seen.insert(name.to_owned()) {
            return Ok(());
        }
        let path = paths.get(name).with_context(|| format!("the kernel has no module {name}"))?;
        let Some(path) = path else { return Ok(()) };
        let bytes = self.read(path).with_context(|| format!("cannot read the module {}", path.display()))?;
        for needed in depends(&bytes).with_context(|| format!("{} is not a module", path.display()))? {
            self.add(&needed, paths, order, seen)?;
        }
        order.push(Module { name: name.to_owned(), bytes });
        Ok(())
    }

    /// Every module by name, and its file where it is not built in.
    fn paths(&self) -> Result<BTreeMap<String, Option<PathBuf>>> {
        let mut all = Vec::new();
        match self {
            Self::Directory(root) => list(root, Path::new(""), &mut all)
                .with_context(|| format!("cannot read the modules in {}", root.display()))?,
            Self::Files(files) => all.extend(files.keys().cloned()),
        }
        let mut paths = BTreeMap::new();
        // A kernel without the list has everything as a module, or the module is then said to be missing.
        if let Ok(builtin) = self.read(Path::new("modules.builtin")) {
            let builtin = String::from_utf8_lossy(&builtin).into_owned();
            paths.extend(builtin.lines().filter_map(|line| Some((module_name(Path::new(line))?, None))));
        }
        paths.extend(all.into_iter().filter_map(|path| Some((module_name(&path)?, Some(path)))));
        Ok(paths)
    }

    /// The bytes of a file, uncompressed.
    fn read(&self, path: &Path) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self {
            Self::Directory(root) => {
                decompressed(path, std::fs::File::open(root.join(path))?)?.read_to_end(&mut bytes)?
            }
            Self::Files(files) => {
                let file = files.get(path).context("it is not in the package")?;
                decompressed(path, &file[..])?.read_to_end(&mut bytes)?
            }
        };
        Ok(bytes)
    }
}

/// Files below a directory, by their path there. Links lead to sources and builds, and are not followed.
fn list(root: &Path, below: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(root.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        match entry.file_type()? {
            kind if kind.is_dir() => list(root, &path, found)?,
            kind if kind.is_file() => found.push(path),
            _ => {}
        }
    }
    Ok(())
}

/// The module's name as the kernel has it, from its file's: `e1000e.ko.xz` is `e1000e`.
fn module_name(path: &Path) -> Option<String> {
    let (name, rest) = path.file_name()?.to_str()?.split_once(".ko")?;
    matches!(rest, "" | ".xz" | ".zst" | ".gz").then(|| name.replace('-', "_"))
}

/// What a module says that it needs: `depends=` in its section `.modinfo`.
fn depends(module: &[u8]) -> Result<Vec<String>> {
    let file = object::File::parse(module)?;
    let section = file.section_by_name(".modinfo").context("it has no section .modinfo")?;
    let data = section.data()?;
    let needed = data.split(|&byte| byte == 0).find_map(|entry| entry.strip_prefix(b"depends="));
    let needed = String::from_utf8_lossy(needed.unwrap_or_default()).into_owned();
    Ok(needed.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_modules_name_is_that_of_its_file() {
        let name = |path: &str| module_name(Path::new(path));
        assert_eq!(name("kernel/drivers/net/e1000e.ko.xz").as_deref(), Some("e1000e"));
        assert_eq!(name("kernel/drivers/char/virtio-console.ko").as_deref(), Some("virtio_console"));
        assert_eq!(name("modules.builtin"), None);
        assert_eq!(name("veth.ko.bak"), None);
    }

    #[test]
    fn what_is_built_in_needs_no_file_and_what_is_missing_is_named() {
        let builtin = b"kernel/drivers/virtio/virtio_pci.ko\n".to_vec();
        let modules = Modules::Files([("modules.builtin".into(), builtin)].into());
        assert!(modules.has("virtio_pci") && !modules.has("e1000e"));
        assert_eq!(modules.load_order(&["virtio_pci"]).unwrap(), []);
        let missing = modules.load_order(&["e1000e"]).unwrap_err().to_string();
        assert!(missing.contains("no module e1000e"), "{missing}");
    }

    #[test]
    fn a_file_that_is_no_module_is_refused() {
        let modules = Modules::Files([("kernel/veth.ko".into(), b"text".to_vec())].into());
        assert!(modules.load_order(&["veth"]).unwrap_err().to_string().contains("not a module"));
    }
}
