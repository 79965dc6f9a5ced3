//! This process's own memory: reads that cannot fault, and writes to read-only pages.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use crate::Unavailable;
use crate::os::memory::Memory;

/// Reads this process's memory through the kernel, which returns an error where a load would fault.
#[derive(Debug)]
pub enum ProcessMemory {
    /// Reads with `process_vm_readv`.
    SystemCall,
    /// Reads `/proc/self/mem`, for sandboxes that refuse the system call.
    ProcFile(File),
}

impl ProcessMemory {
    /// Returns the first way of reading that works on a variable of our own.
    pub fn open() -> Result<Self, Unavailable> {
        const PROBE: usize = 0x6769_6c63_6865_636b;
        let probe = PROBE;
        let works = |memory: &Self| memory.word(std::ptr::from_ref(&probe) as usize) == Some(PROBE);
        if works(&Self::SystemCall) {
            return Ok(Self::SystemCall);
        }
        let file = File::open("/proc/self/mem").ok().map(Self::ProcFile);
        file.filter(works).ok_or(Unavailable::MemoryUnreadable)
    }
}

impl Memory for ProcessMemory {
    fn read(&self, address: usize, bytes: &mut [u8]) -> bool {
        match self {
            Self::SystemCall => {
                let local = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
                let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: bytes.len() };
                // SAFETY: the kernel writes only to `local`, which describes `bytes`. It checks `remote` and fails with
                // EFAULT if that is not readable.
                let n_copied =
                    unsafe { libc::process_vm_readv(libc::getpid(), &raw const local, 1, &raw const remote, 1, 0) };
                usize::try_from(n_copied) == Ok(bytes.len())
            }
            Self::ProcFile(file) => file.read_exact_at(bytes, address as u64).is_ok(),
        }
    }
}

/// Writes one word, with its page writable for that moment; returns false if the page cannot be made writable.
///
/// # Safety
///
/// `address` is aligned. If it is mapped, it is that of a word which all threads access atomically and which may take
/// this value at any time.
pub unsafe fn write_word(address: usize, value: usize) -> bool {
    // SAFETY: the caller's guarantees are those of `write_words`.
    unsafe { write_words(&[(address, value)]) }
}

/// Writes words, (address, value) each, as [`write_word`] does, by one reading of the memory map; stops at the first that
/// cannot be written, and then returns false.
///
/// # Safety
///
/// As for [`write_word`], for each of them.
pub unsafe fn write_words(words: &[(usize, usize)]) -> bool {
    // As bytes: the path of a mapped file need not be UTF-8.
    let Ok(maps) = std::fs::read("/proc/self/maps") else { return false };
    let ranges: Vec<_> =
        maps.split(|byte| *byte == b'\n').filter_map(|line| range_in(&String::from_utf8_lossy(line))).collect();
    // SAFETY: sysconf has no precondition.
    let Ok(page_size) = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }) else { return false };
    words.iter().all(|(address, value)| {
        let page = address & !(page_size - 1);
        let Some(protection) = ranges.iter().find_map(|range| protection_at(range, *address)) else { return false };
        let is_writable = protection & libc::PROT_WRITE != 0;
        // SAFETY: the memory map says that `page` is mapped with `protection`. The first call only adds the permission to
        // write, and the last one restores what was. The store is atomic, so a thread that calls through this word meanwhile
        // uses the old or the new value, and the caller allows both.
        unsafe {
            if !is_writable && libc::mprotect(page as *mut libc::c_void, page_size, protection | libc::PROT_WRITE) != 0
            {
                return false;
            }
            (*(*address as *const AtomicUsize)).store(*value, SeqCst);
            if !is_writable {
                libc::mprotect(page as *mut libc::c_void, page_size, protection);
            }
        }
        true
    })
}

/// (first address, address after the last one, protection).
type MappedRange = (usize, usize, libc::c_int);

fn protection_at((start, end, protection): &MappedRange, address: usize) -> Option<libc::c_int> {
    (*start..*end).contains(&address).then_some(*protection)
}

/// Returns the range in a line `start-end rwxp ...` of the map.
fn range_in(line: &str) -> Option<MappedRange> {
    let mut fields = line.split(' ');
    let (start, end) = fields.next()?.split_once('-')?;
    let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
    let letters = fields.next()?;
    let protection = [('r', libc::PROT_READ), ('w', libc::PROT_WRITE), ('x', libc::PROT_EXEC)]
        .iter()
        .filter(|(letter, _)| letters.contains(*letter))
        .fold(libc::PROT_NONE, |all, (_, bit)| all | bit);
    Some((start, end, protection))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the protection in a line of the map, if `address` lies in its range.
    fn protection_in(line: &str, address: usize) -> Option<libc::c_int> {
        range_in(line).and_then(|range| protection_at(&range, address))
    }

    fn protection_of(address: usize) -> Option<libc::c_int> {
        let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux");
        maps.lines().find_map(|line| protection_in(line, address))
    }

    proptest! {
        #[test]
        fn a_line_of_the_kernel_gives_its_protection(
            start: usize, length in 1usize..1 << 40, inside: prop::sample::Index, bits in 0..8, file in ".{0,40}"
        ) {
            let end = start.saturating_add(length);
            let address = start.saturating_add(inside.index(length));
            let letters: String =
                ["r", "w", "x"].iter().enumerate().map(|(bit, on)| if bits >> bit & 1 == 1 { on } else { "-" }).collect();
            let line = format!("{start:x}-{end:x} {letters}p 00001000 08:01 42 {file}");
            let protections = [(1, libc::PROT_READ), (2, libc::PROT_WRITE), (4, libc::PROT_EXEC)];

            let set = protections.into_iter().filter(|(bit, _)| bits & bit != 0);
            let expected = set.fold(libc::PROT_NONE, |all, (_, on)| all | on);
            prop_assert_eq!(protection_in(&line, address), (address < end).then_some(expected));
            prop_assert_eq!(protection_in(&line, end), None);
        }

        #[test]
        fn any_line_gives_a_protection_or_none(line in ".{0,80}", address: usize) {
            let _ = protection_in(&line, address);
        }

        #[test]
        fn any_line_that_looks_like_one_gives_a_protection_or_none(line in "[0-9a-fA-F+-]{0,20}-[0-9a-f ]{0,20} [rwxps-]{0,5} ?", address: usize) {
            let _ = protection_in(&line, address);
        }
    }

    fn both() -> [ProcessMemory; 2] {
        [ProcessMemory::SystemCall, ProcessMemory::ProcFile(File::open("/proc/self/mem").expect("Linux"))]
    }

    #[test]
    fn both_ways_read_the_same() {
        let value = 0x1234_5678_9abc_def0usize;
        let address = std::ptr::from_ref(&value) as usize;

        for memory in both() {
            assert_eq!(memory.word(address), Some(value), "{memory:?}");
        }
    }

    #[test]
    fn an_address_that_is_not_mapped_is_refused_and_does_not_crash() {
        for memory in both() {
            assert_eq!(memory.word(8), None, "{memory:?}");
            assert!(memory.words(8, 4).is_empty(), "{memory:?}");
        }
    }

    #[test]
    fn a_line_of_the_map_gives_the_protection_of_its_range_only() {
        let line = "7f0e7f851000-7f0e7f852000 r--p 00001000 08:01 42 /usr/lib/libc.so.6";

        assert_eq!(protection_in(line, 0x7f0e_7f85_1008), Some(libc::PROT_READ));
        assert_eq!(protection_in(line, 0x7f0e_7f85_2000), None);
        assert_eq!(protection_in("nonsense", 1), None);
    }

    #[test]
    fn a_read_only_word_is_written_and_its_page_is_read_only_again() {
        // SAFETY: makes an anonymous mapping of one page, writes its first word and makes it read-only.
        let address = unsafe {
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let page = libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0);
            assert_ne!(page, libc::MAP_FAILED);
            *page.cast::<usize>() = 111;
            libc::mprotect(page, 4096, libc::PROT_READ);
            page as usize
        };

        // SAFETY: `address` is the aligned word above, which no other thread uses.
        assert!(unsafe { write_word(address, 222) });

        // SAFETY: the page stays mapped and readable.
        assert_eq!(unsafe { *(address as *const usize) }, 222);
        assert_eq!(protection_of(address), Some(libc::PROT_READ));
        // SAFETY: nothing is mapped at this address, so nothing is written.
        assert!(!unsafe { write_word(8, 222) });
    }
}
