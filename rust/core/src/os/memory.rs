//! What systems have in common: memory that may not be mapped, GOT entries, and where an address lies.

use std::ffi::CString;

const WORD: usize = size_of::<usize>();

/// Memory that can be read without faults.
pub trait Memory {
    /// Fills `bytes` from `address`. Returns false, with unspecified content, if not all of it is readable.
    fn read(&self, address: usize, bytes: &mut [u8]) -> bool;

    /// Returns the word at `address`, if it is readable.
    fn word(&self, address: usize) -> Option<usize> {
        let mut bytes = [0u8; WORD];
        self.read(address, &mut bytes).then(|| usize::from_ne_bytes(bytes))
    }

    /// Returns `n_words` words from `address` on; fewer if the readable memory ends before.
    fn words(&self, address: usize, n_words: usize) -> Vec<usize> {
        const CHUNK: usize = 512;
        let mut words = Vec::with_capacity(n_words);
        let mut bytes = vec![0u8; CHUNK * WORD];
        while words.len() < n_words {
            let n_next = CHUNK.min(n_words - words.len());
            if !self.read(address + words.len() * WORD, &mut bytes[..n_next * WORD]) {
                break;
            }
            words.extend(bytes[..n_next * WORD].as_chunks::<WORD>().0.iter().map(|word| usize::from_ne_bytes(*word)));
        }
        words
    }
}

/// Where an address lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeLocation {
    /// The file of the loaded object, as the dynamic linker knows it.
    pub file: String,
    /// What was added to the addresses in that file.
    pub bias: usize,
    /// The nearest symbol that the object exports.
    pub symbol: Option<String>,
}

/// A GOT entry: a word in memory through which a loaded object calls an imported function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GotEntry {
    /// The address of the entry.
    pub address: usize,
    /// The version of the function that the object was linked against (`GLIBC_2.3.2`).
    pub version: Option<CString>,
}

/// Memory with given words, for tests.
#[cfg(test)]
#[derive(Debug)]
pub struct FakeMemory {
    first: usize,
    bytes: Vec<u8>,
}

#[cfg(test)]
impl FakeMemory {
    /// Puts these words at `first`; nothing else is readable.
    pub fn new(first: usize, words: &[usize]) -> Self {
        Self { first, bytes: words.iter().flat_map(|word| word.to_ne_bytes()).collect() }
    }
}

#[cfg(test)]
impl Memory for FakeMemory {
    fn read(&self, address: usize, bytes: &mut [u8]) -> bool {
        let Some(start) = address.checked_sub(self.first) else { return false };
        self.bytes.get(start..start + bytes.len()).is_some_and(|from| {
            bytes.copy_from_slice(from);
            true
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_where_the_memory_ends() {
        let memory = FakeMemory::new(0x1000, &[1, 2, 3]);

        assert_eq!(memory.words(0x1000, 3), [1, 2, 3]);
        assert_eq!(memory.word(0x1000 + 2 * WORD), Some(3));
        assert_eq!(memory.word(0x1000 + 3 * WORD), None);
        assert!(memory.words(8, 2).is_empty());
    }
}
