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

/// A relocation that names a symbol.
struct Named<'o> {
    kind: RelocationType,
    /// The number of the symbol.
    index: usize,
    name: &'o CStr,
    /// The address of the word that the dynamic linker writes.
    address: usize,
}

impl LoadedObject {
    /// Returns the GOT entries through which this object calls `function`.
    pub fn got_entries(&self, function: &CStr) -> Vec<GotEntry> {
        let tables = self.tables();
        let mut entries: Vec<GotEntry> = Vec::new();
        self.visit_named(&tables, |named| {
            let is_new = !entries.iter().any(|entry| entry.address == named.address);
            if GOT_RELOCATIONS.contains(&named.kind) && named.name == function && is_new {
                entries.push(GotEntry { address: named.address, version: tables.version_of(named.index) });
            }
        });
        entries
    }

    /// Returns every word that the dynamic linker sets to the address of one of these functions, in one pass: (number of the
    /// function, address, whether it is a GOT entry). A word that is none is a pointer in the object's data.
    pub fn references(&self, functions: &[&CStr]) -> Vec<(usize, usize, bool)> {
        let mut found: Vec<(usize, usize, bool)> = Vec::new();
        self.visit_named(&self.tables(), |named| {
            if let Some(number) = functions.iter().position(|function| *function == named.name)
                && !found.iter().any(|(_, address, _)| *address == named.address)
            {
                found.push((number, named.address, GOT_RELOCATIONS.contains(&named.kind)));
            }
        });
        found
    }

    /// Calls `visit` with every relocation that names a symbol.
    fn visit_named(&self, tables: &Tables, mut visit: impl FnMut(&Named<'_>)) {
        if tables.symbols == 0 || tables.strings == 0 {
            return;
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
                let index = relocation.r_sym(NATIVE, false) as usize;
                if index == 0 {
                    continue;
                }
                // SAFETY: the linker's own relocation has the index, so it lies within the symbol table, and the symbol's
                // name is a C string in the string table. Both tables stay mapped.
                let name = unsafe {
                    let symbol = &*(tables.symbols as *const Symbol).add(index);
                    CStr::from_ptr((tables.strings + symbol.st_name.get(NATIVE) as usize) as *const c_char)
                };
                #[allow(clippy::cast_possible_truncation, reason = "pointers have 64 bits here")]
                let address = self.base.wrapping_add(relocation.r_offset.get(NATIVE) as usize);
                visit(&Named { kind: relocation.r_type(NATIVE, false), index, name, address });
            }
        }
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
    use proptest::prelude::*;

    use super::super::objects::object_at;
    use super::*;

    /// A relocation of an object that a test makes: the number of its symbol, and whether it is one of the GOT.
    type Call = (prop::sample::Index, bool);

    /// The memory of an object, made of tables one after another.
    #[derive(Default)]
    struct Image {
        bytes: Vec<u8>,
    }

    impl Image {
        /// Appends a table of little numbers, each with its size in bytes, at an aligned offset; returns the offset.
        fn push(&mut self, numbers: &[(u64, usize)]) -> u64 {
            self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
            let offset = self.bytes.len() as u64;
            for (number, size) in numbers {
                self.bytes.extend(&number.to_le_bytes()[..*size]);
            }
            offset
        }

        fn push_text(&mut self, texts: &[String]) -> (u64, Vec<u64>) {
            let table = self.push(&[(0, 1)]);
            let places = texts.iter().map(|text| {
                let place = self.bytes.len() as u64 - table;
                self.bytes.extend(text.bytes().chain([0]));
                place
            });
            let places = places.collect();
            (table, places)
        }
    }

    /// Lays out an object with these imported functions, each with a version or none, and these relocations. Returns its
    /// memory and the offset of its dynamic section.
    fn image(names: &[String], versions: &[Option<String>], calls: &[Call], is_relocated: bool) -> (Vec<u64>, usize) {
        let mut image = Image::default();
        image.push(&[(0, 8)]); // the header of the file is there: no table begins at 0
        let all_versions: Vec<String> = versions.iter().flatten().cloned().collect();
        let texts: Vec<String> = names.iter().chain(&all_versions).cloned().collect();
        let (strings, places) = image.push_text(&texts);
        let symbols: Vec<_> = places[..names.len()]
            .iter()
            .flat_map(|place| [(*place, 4), (0x12, 1), (0, 1), (0, 2), (0, 8), (0, 8)])
            .collect();
        // The first symbol of every table is none.
        let symbols = image.push(&[[(0, 8); 3].to_vec(), symbols].concat());
        let relocations = calls.iter().enumerate().flat_map(|(number, (symbol, is_got))| {
            let kind = if *is_got { GOT_RELOCATIONS[number % 2] } else { RelocationType(0) };
            let info = (symbol.index(names.len()) as u64 + 1) << 32 | u64::from(kind.0);
            [(8 * number as u64, 8), (info, 8), (0, 8)]
        });
        let relocations: Vec<(u64, usize)> = relocations.collect();
        let n_bytes = relocations.len() as u64 * 8;
        let relocations = image.push(&relocations);
        // Versions are numbered from 2 on; 1 is none.
        let mut number = 1;
        let indexes = versions.iter().map(|version| {
            number += u64::from(version.is_some());
            (if version.is_some() { number } else { 1 }, 2)
        });
        let indexes: Vec<_> = std::iter::once((0, 2)).chain(indexes).collect();
        let indexes = image.push(&indexes);
        // One record of a needed object, and an auxiliary one for each version.
        let mut needed = vec![(1, 2), (all_versions.len() as u64, 2), (0, 4), (16, 4), (0, 4)];
        for (number, place) in places[names.len()..].iter().enumerate() {
            needed.extend([(0, 4), (0, 2), (number as u64 + 2, 2), (*place, 4), (16, 4)]);
        }
        let needed = image.push(&needed);
        let n_words = image.bytes.len().div_ceil(8) + 2 * 9;
        let mut words = vec![0u64; n_words];
        let base = if is_relocated { words.as_ptr() as u64 } else { 0 };
        let dynamic = image.push(
            &[
                (elf::DT_SYMTAB, base + symbols),
                (elf::DT_STRTAB, base + strings),
                (elf::DT_JMPREL, base + relocations),
                (elf::DT_PLTRELSZ, n_bytes),
                (elf::DT_VERSYM, base + indexes),
                (elf::DT_VERNEED, base + needed),
                (elf::DT_VERNEEDNUM, 1),
                (elf::DT_NULL, 0),
            ]
            .map(|(tag, value)| [(tag.0.cast_unsigned(), 8), (value, 8)])
            .concat(),
        );
        image.bytes.resize(n_words * 8, 0);
        for (word, bytes) in words.iter_mut().zip(image.bytes.as_chunks::<8>().0) {
            *word = u64::from_ne_bytes(*bytes);
        }
        (words, usize::try_from(dynamic).expect("small"))
    }

    proptest! {
        /// glibc relocates the pointers of the dynamic section in place, and musl leaves them relative.
        #[test]
        fn an_object_has_the_entries_that_were_laid_out_in_it(
            imports in prop::collection::btree_map("[a-z_]{1,12}", prop::option::of("[A-Z_0-9.]{1,12}"), 1..12),
            calls in prop::collection::vec(any::<Call>(), 0..30),
            wanted: prop::sample::Index,
            is_relocated: bool,
        ) {
            let (names, versions): (Vec<_>, Vec<_>) = imports.into_iter().unzip();
            let (words, dynamic) = image(&names, &versions, &calls, is_relocated);
            let base = words.as_ptr() as usize;
            let range = (base, base + words.len() * 8);
            let object = LoadedObject { base, range, dynamic: base + dynamic, frame_header: 0 };
            let wanted = wanted.index(names.len());
            let text = |text: &String| CString::new(text.as_str()).expect("no zero byte");

            let entries = object.got_entries(&text(&names[wanted]));

            let expected: Vec<_> = calls
                .iter()
                .enumerate()
                .filter(|(_, (symbol, is_got))| *is_got && symbol.index(names.len()) == wanted)
                .map(|(number, _)| GotEntry { address: base + 8 * number, version: versions[wanted].as_ref().map(text) })
                .collect();
            prop_assert_eq!(entries, expected);
            let all: Vec<_> = names.iter().map(text).collect();
            let references = object.references(&all.iter().map(CString::as_c_str).collect::<Vec<_>>());
            let expected: Vec<_> = calls
                .iter()
                .enumerate()
                .map(|(number, (symbol, is_got))| (symbol.index(names.len()), base + 8 * number, *is_got))
                .collect();
            prop_assert_eq!(references, expected);
        }
    }

    #[test]
    fn imported_functions_have_got_entries_and_others_have_none() {
        let object = object_at(object_at as *const () as usize).expect("this program");

        assert!(!object.got_entries(c"dl_iterate_phdr").is_empty());
        assert!(object.got_entries(c"no_such_function_anywhere").is_empty());
    }
}
