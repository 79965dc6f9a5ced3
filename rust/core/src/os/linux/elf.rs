//! The GOT entries of a loaded object, from its dynamic section.
//!
//! The dynamic linker itself uses this memory and keeps it mapped as long as the object is loaded (System V gABI,
//! chapter 5; symbol versions are defined by the LSB).

use std::ffi::{CStr, CString, c_char};

use object::elf::{self, RelocationType};
use object::endian::NativeEndian;

use super::objects::LoadedObject;
use crate::os::memory::GotEntry;

type Dynamic = elf::Dyn64<NativeEndian>;
type Relocation = elf::Rela64<NativeEndian>;
type Symbol = elf::Sym64<NativeEndian>;
type VersionNeeded = elf::Verneed<NativeEndian>;
type VersionAux = elf::Vernaux<NativeEndian>;
const NATIVE: NativeEndian = NativeEndian {};

#[cfg(target_arch = "x86_64")]
const GOT_RELOCATIONS: [RelocationType; 2] = [elf::R_X86_64_JUMP_SLOT, elf::R_X86_64_GLOB_DAT];
#[cfg(target_arch = "aarch64")]
const GOT_RELOCATIONS: [RelocationType; 2] = [elf::R_AARCH64_JUMP_SLOT, elf::R_AARCH64_GLOB_DAT];

/// What the dynamic section points to; zero where a table is absent.
#[derive(Default)]
struct Tables {
    symbols: usize,
    strings: usize,
    /// (address, size in bytes).
    relocations: [(usize, usize); 2],
    version_indexes: usize,
    needed_versions: usize,
    n_needed_versions: usize,
}

impl LoadedObject {
    /// Returns the GOT entries through which this object calls `function`.
    pub fn got_entries(&self, function: &CStr) -> Vec<GotEntry> {
        let tables = self.tables();
        let mut entries: Vec<GotEntry> = Vec::new();
        if tables.symbols == 0 || tables.strings == 0 {
            return entries;
        }
        for (start, n_bytes) in tables.relocations {
            if start == 0 {
                continue;
            }
            // SAFETY: DT_JMPREL and DT_PLTRELSZ, and DT_RELA and DT_RELASZ, describe arrays of relocations that stay
            // mapped. The object's types have an alignment of 1.
            let relocations =
                unsafe { std::slice::from_raw_parts(start as *const Relocation, n_bytes / size_of::<Relocation>()) };
            for relocation in relocations {
                if !GOT_RELOCATIONS.contains(&relocation.r_type(NATIVE, false)) {
                    continue;
                }
                let index = relocation.r_sym(NATIVE, false) as usize;
                // SAFETY: the linker's own relocation has the index, so it lies within the symbol table, and the symbol's
                // name is a C string in the string table. Both tables stay mapped.
                let name = unsafe {
                    let symbol = &*(tables.symbols as *const Symbol).add(index);
                    CStr::from_ptr((tables.strings + symbol.st_name.get(NATIVE) as usize) as *const c_char)
                };
                #[allow(clippy::cast_possible_truncation, reason = "pointers have 64 bits here")]
                let address = self.base.wrapping_add(relocation.r_offset.get(NATIVE) as usize);
                if name == function && !entries.iter().any(|entry| entry.address == address) {
                    entries.push(GotEntry { address, version: tables.version_of(index) });
                }
            }
        }
        entries
    }

    fn tables(&self) -> Tables {
        let mut tables = Tables::default();
        let mut entry = self.dynamic as *const Dynamic;
        loop {
            // SAFETY: the dynamic section of a loaded object stays mapped and ends with DT_NULL, where this loop ends.
            let (tag, value) = unsafe { ((*entry).d_tag.get(NATIVE), (*entry).d_val.get(NATIVE)) };
            #[allow(clippy::cast_possible_truncation, reason = "pointers have 64 bits here")]
            let value = value as usize;
            match tag {
                elf::DT_NULL => return tables,
                elf::DT_SYMTAB => tables.symbols = self.resolve(value),
                elf::DT_STRTAB => tables.strings = self.resolve(value),
                elf::DT_JMPREL => tables.relocations[0].0 = self.resolve(value),
                elf::DT_PLTRELSZ => tables.relocations[0].1 = value,
                elf::DT_RELA => tables.relocations[1].0 = self.resolve(value),
                elf::DT_RELASZ => tables.relocations[1].1 = value,
                elf::DT_VERSYM => tables.version_indexes = self.resolve(value),
                elf::DT_VERNEED => tables.needed_versions = self.resolve(value),
                elf::DT_VERNEEDNUM => tables.n_needed_versions = value,
                _ => {}
            }
            // SAFETY: the entry before was not DT_NULL, so another one follows.
            entry = unsafe { entry.add(1) };
        }
    }
}

impl Tables {
    /// Returns the version of the symbol `index` that the object was linked against (`GLIBC_2.3.2`).
    fn version_of(&self, index: usize) -> Option<CString> {
        if self.version_indexes == 0 || self.needed_versions == 0 {
            return None;
        }
        // SAFETY: DT_VERSYM has one entry for each symbol, and `index` is that of a symbol.
        let version = unsafe { &*(self.version_indexes as *const elf::Versym<NativeEndian>).add(index) };
        let version = version.0.get(NATIVE).index();
        let mut needed = self.needed_versions;
        for _ in 0..self.n_needed_versions {
            // SAFETY: DT_VERNEED is a chain of `n_needed_versions` records, linked by byte offsets.
            let record = unsafe { &*(needed as *const VersionNeeded) };
            let mut aux = needed + record.vn_aux.get(NATIVE) as usize;
            for _ in 0..record.vn_cnt.get(NATIVE) {
                // SAFETY: each record has a chain of `vn_cnt` auxiliary records, linked by byte offsets.
                let auxiliary = unsafe { &*(aux as *const VersionAux) };
                if auxiliary.vna_other(NATIVE).index() == version {
                    let name = self.strings + auxiliary.vna_name.get(NATIVE) as usize;
                    // SAFETY: the name of a version is a C string in the string table.
                    return Some(unsafe { CStr::from_ptr(name as *const c_char) }.to_owned());
                }
                aux += auxiliary.vna_next.get(NATIVE) as usize;
            }
            needed += record.vn_next.get(NATIVE) as usize;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::objects::object_at;

    #[test]
    fn imported_functions_have_got_entries_and_others_have_none() {
        let object = object_at(object_at as *const () as usize).expect("this program");

        assert!(!object.got_entries(c"dl_iterate_phdr").is_empty());
        assert!(object.got_entries(c"no_such_function_anywhere").is_empty());
    }
}
