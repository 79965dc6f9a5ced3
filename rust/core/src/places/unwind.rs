//! The stack of a thread that sleeps, from its stack pointer, its program counter and a copy of its stack.
//!
//! The kernel shows only these two registers of a sleeping thread. Call frame information says how to find the caller's from
//! them, and where a function has saved the others. A rule that needs a register whose value is not known ends the walk:
//! there is no frame rather than a guessed one, and none from a chain of frame pointers.

use std::collections::HashMap;

use addr2line::gimli::{
    self, BaseAddresses, CfaRule, EhFrame, EhFrameOffset, NativeEndian, Register, RegisterRule, UnwindContext,
    UnwindSection,
};

use crate::os::{self, Memory, ProcessMemory};

/// A sleeping thread's registers, and its stack from the stack pointer on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The address of the instruction that follows.
    pub pc: usize,
    /// The stack pointer.
    pub sp: usize,
    /// The memory from there on, as much of it as was copied.
    pub stack: Vec<u8>,
}

impl Snapshot {
    fn word(&self, address: usize) -> Option<usize> {
        let start = address.checked_sub(self.sp)?;
        let bytes = self.stack.get(start..start.checked_add(size_of::<usize>())?)?;
        Some(usize::from_ne_bytes(bytes.try_into().ok()?))
    }
}

/// The largest number of addresses of one stack: what waits is within the first ones.
const MAX_FRAMES: usize = 32;

/// Registers with numbers below this are followed: the general ones of both processors, and where each keeps its return address.
const N_REGISTERS: usize = 35;

/// What the ABI calls the stack pointer, and which registers a function leaves as they were unless it says otherwise.
#[cfg(target_arch = "x86_64")]
mod abi {
    pub const STACK_POINTER: u16 = 7;
    pub const PRESERVED: &[u16] = &[3, 6, 12, 13, 14, 15];
}
#[cfg(not(target_arch = "x86_64"))]
mod abi {
    pub const STACK_POINTER: u16 = 31;
    pub const PRESERVED: &[u16] = &[19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29];
}

/// Whether a return address is signed (AArch64), as a register of the call frame information.
const RA_SIGN_STATE: Register = Register(34);
/// A signature is in the bits above the addresses of a process.
const ADDRESS_BITS: usize = (1 << 48) - 1;

/// How to find the registers of the caller at one address.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    /// The register and the distance from it at which the caller's frame begins.
    frame: (u16, i64),
    rules: Vec<(u16, Rule)>,
    return_address: u16,
    is_signed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// The value is in memory, at this distance from the frame.
    At(i64),
    /// The value is this distance from the frame.
    Is(i64),
    /// The value is that of another register.
    From(u16),
    Unchanged,
    Unknown,
}

/// Walks stacks, and keeps what it has read of the loaded objects. It serves one pass, as `Resolver` does.
#[derive(Debug)]
pub struct Unwinder {
    memory: ProcessMemory,
    rows: HashMap<usize, Option<Row>>,
}

impl Unwinder {
    /// Makes an unwinder; `None` if this process cannot read its memory without faults.
    #[must_use]
    pub fn new() -> Option<Self> {
        Some(Self { memory: ProcessMemory::open().ok()?, rows: HashMap::new() })
    }

    /// Returns the program counter and the return addresses of a stack, innermost first.
    ///
    /// The walk ends where a caller is not certain. The first address is that of the system call, so that there is one at
    /// least.
    pub fn addresses(&mut self, snapshot: &Snapshot) -> Vec<usize> {
        let mut addresses = vec![snapshot.pc];
        let mut registers = [None; N_REGISTERS];
        registers[usize::from(abi::STACK_POINTER)] = Some(snapshot.sp);
        // A return address follows a call that may be the last instruction of its function.
        let mut probe = snapshot.pc;
        while addresses.len() < MAX_FRAMES {
            let memory = &self.memory;
            let row = self.rows.entry(probe).or_insert_with(|| row_at(probe, memory));
            let Some(caller) = row.as_ref().and_then(|row| registers_of_caller(row, &registers, snapshot)) else {
                break;
            };
            addresses.push(caller.0);
            (probe, registers) = (caller.0 - 1, caller.1);
        }
        addresses
    }
}

type Registers = [Option<usize>; N_REGISTERS];

/// Returns the return address and the registers of the caller; `None` where they are not certain, or there is no caller.
fn registers_of_caller(row: &Row, registers: &Registers, snapshot: &Snapshot) -> Option<(usize, Registers)> {
    let value = |register: u16| registers.get(usize::from(register)).copied().flatten();
    let moved = |from: usize, by: i64| from.checked_add_signed(isize::try_from(by).ok()?);
    let frame = moved(value(row.frame.0)?, row.frame.1)?;
    // The stack grows downwards: the frame of a caller lies above. (Only a leaf of AArch64 has none of its own.)
    if frame < value(abi::STACK_POINTER)? {
        return None;
    }
    let mut caller: Registers = [None; N_REGISTERS];
    for register in abi::PRESERVED {
        caller[usize::from(*register)] = value(*register);
    }
    for (register, rule) in &row.rules {
        let Some(known) = caller.get_mut(usize::from(*register)) else { continue };
        *known = match rule {
            Rule::At(by) => moved(frame, *by).and_then(|address| snapshot.word(address)),
            Rule::Is(by) => moved(frame, *by),
            Rule::From(other) => value(*other),
            Rule::Unchanged => value(*register),
            Rule::Unknown => None,
        };
    }
    caller[usize::from(abi::STACK_POINTER)] = Some(frame);
    let return_address = caller.get(usize::from(row.return_address)).copied().flatten()?;
    let return_address = if row.is_signed { return_address & ADDRESS_BITS } else { return_address };
    (return_address > 1).then_some((return_address, caller))
}

/// Returns the row for the code at an address, from the memory of the loaded object; `None` if it has none that is certain.
fn row_at(address: usize, memory: &ProcessMemory) -> Option<Row> {
    let header = os::object_at(address)?.frame_header()?;
    let entry = entry_of(address, header, memory)?;
    row_of(address, &entry)
}

/// The description of a function's frames and the entry that it refers to, one after the other.
struct Entry {
    /// What the first byte would have for an address, if both lay in the object like this.
    base: usize,
    bytes: Vec<u8>,
    /// Where the function's own description begins in `bytes`.
    offset: usize,
}

/// Longer entries are no entries.
const LONGEST_ENTRY: usize = 1 << 20;

/// Returns the description of the function at an address, found with the table that the linker made for searching.
fn entry_of(address: usize, header: usize, memory: &impl Memory) -> Option<Entry> {
    /// Version 1; where the descriptions are, relative to this place; their number; a table relative to the header.
    const FORM: [u8; 4] = [1, 0x1b, 0x03, 0x3b];
    const TABLE: usize = 12;
    let number = |at: usize| {
        let mut bytes = [0u8; 4];
        memory.read(at, &mut bytes).then(|| u32::from_ne_bytes(bytes))
    };
    let relative = |at: usize| header.checked_add_signed(number(at)?.cast_signed() as isize);
    let mut form = [0u8; 4];
    if !memory.read(header, &mut form) || form != FORM {
        return None;
    }
    // The table is sorted: (beginning of a function, its description).
    let (mut low, mut high) = (0, number(header + 8)? as usize);
    while high - low > 1 {
        let middle = usize::midpoint(low, high);
        if relative(header + TABLE + 8 * middle)? <= address { low = middle } else { high = middle }
    }
    let own = relative(header + TABLE + 8 * low + 4)?;
    let own_bytes = bytes_of(own, memory)?;
    let distance = u32::from_ne_bytes(own_bytes.get(4..8)?.try_into().ok()?) as usize;
    let shared_bytes = bytes_of((own + 4).checked_sub(distance)?, memory)?;
    let offset = shared_bytes.len();
    let mut bytes = shared_bytes;
    bytes.extend(own_bytes);
    // Both lie side by side here, so the one refers to the other over another distance.
    let distance = u32::try_from(offset + 4).ok()?;
    bytes.get_mut(offset + 4..offset + 8)?.copy_from_slice(&distance.to_ne_bytes());
    Some(Entry { base: own.checked_sub(offset)?, bytes, offset })
}

/// Returns an entry of the section, which begins with the length of what follows.
fn bytes_of(entry: usize, memory: &impl Memory) -> Option<Vec<u8>> {
    let mut length = [0u8; 4];
    if !memory.read(entry, &mut length) {
        return None;
    }
    let length = u32::from_ne_bytes(length) as usize + 4;
    if !(12..LONGEST_ENTRY).contains(&length) {
        return None;
    }
    let mut bytes = vec![0u8; length];
    memory.read(entry, &mut bytes).then_some(bytes)
}

fn row_of(address: usize, entry: &Entry) -> Option<Row> {
    let mut section = EhFrame::new(&entry.bytes, NativeEndian);
    section.set_address_size(8);
    if cfg!(target_arch = "aarch64") {
        section.set_vendor(gimli::Vendor::AArch64);
    }
    let bases = BaseAddresses::default().set_eh_frame(entry.base as u64);
    let get_cie = EhFrame::cie_from_offset;
    let own = section.fde_from_offset(&bases, EhFrameOffset(entry.offset), get_cie).ok()?;
    // A signal may have interrupted its function anywhere. What lies between two functions has no row.
    if own.is_signal_trampoline() || !own.contains(address as u64) {
        return None;
    }
    let mut context = UnwindContext::new();
    let row = own.unwind_info_for_address(&section, &bases, &mut context, address as u64).ok()?;
    let CfaRule::RegisterAndOffset { register, offset } = row.cfa() else { return None };
    let rules = row.registers().map(|(register, rule)| {
        let rule = match rule {
            RegisterRule::Offset(by) => Rule::At(*by),
            RegisterRule::ValOffset(by) => Rule::Is(*by),
            RegisterRule::Register(other) => Rule::From(other.0),
            RegisterRule::SameValue => Rule::Unchanged,
            _ => Rule::Unknown,
        };
        (register.0, rule)
    });
    Some(Row {
        frame: (register.0, *offset),
        rules: rules.collect(),
        return_address: own.cie().return_address_register().0,
        is_signed: matches!(row.register(RA_SIGN_STATE), Some(RegisterRule::Constant(1))),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::os::FakeMemory;

    const FRAME: u16 = 6;
    const RETURN: u16 = 16;

    fn row(register: u16, offset: i64, rules: &[(u16, Rule)]) -> Row {
        Row { frame: (register, offset), rules: rules.to_vec(), return_address: RETURN, is_signed: false }
    }

    fn snapshot(words: &[usize]) -> Snapshot {
        let stack = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        Snapshot { pc: 0x1000, sp: 0x8000, stack }
    }

    fn at_stack_pointer() -> Registers {
        let mut registers = [None; N_REGISTERS];
        registers[usize::from(abi::STACK_POINTER)] = Some(0x8000);
        registers
    }

    #[test]
    fn the_return_address_is_read_where_the_rule_says() {
        let rule = row(abi::STACK_POINTER, 24, &[(RETURN, Rule::At(-8)), (FRAME, Rule::At(-16))]);

        let (address, caller) =
            registers_of_caller(&rule, &at_stack_pointer(), &snapshot(&[1, 0xbeef, 0xcafe])).expect("certain");

        assert_eq!(address, 0xcafe);
        assert_eq!(caller[usize::from(FRAME)], Some(0xbeef));
        assert_eq!(caller[usize::from(abi::STACK_POINTER)], Some(0x8018));
    }

    #[test]
    fn a_frame_that_needs_an_unknown_register_ends_the_walk() {
        let rule = row(FRAME, 16, &[(RETURN, Rule::At(-8))]);

        assert_eq!(registers_of_caller(&rule, &at_stack_pointer(), &snapshot(&[1, 2, 3])), None);
    }

    #[test]
    fn a_return_address_outside_of_the_copy_or_without_a_rule_ends_the_walk() {
        let outside = row(abi::STACK_POINTER, 64, &[(RETURN, Rule::At(-8))]);
        let unknown = row(abi::STACK_POINTER, 16, &[(RETURN, Rule::Unknown)]);
        let below = row(abi::STACK_POINTER, -16, &[(RETURN, Rule::At(24))]);

        for rule in [outside, unknown, below, row(abi::STACK_POINTER, 16, &[])] {
            assert_eq!(registers_of_caller(&rule, &at_stack_pointer(), &snapshot(&[1, 2, 3])), None, "{rule:?}");
        }
    }

    #[test]
    fn an_address_without_code_has_no_frame_but_itself() {
        let Some(mut unwinder) = Unwinder::new() else { return };

        assert_eq!(unwinder.addresses(&Snapshot { pc: 16, sp: 0x8000, stack: Vec::new() }), [16]);
    }

    #[cfg(not(gilcheck_unsupported_os))]
    #[test]
    fn every_function_of_this_program_has_a_row_of_its_own() {
        let memory = ProcessMemory::open().expect("Linux");
        for function in [Unwinder::new as *const () as usize, Unwinder::addresses as *const () as usize] {
            let row = row_at(function, &memory).expect("compiled with unwind tables");

            assert_eq!(row.frame.0, abi::STACK_POINTER);
        }
    }

    proptest! {
        #[test]
        fn any_table_gives_an_entry_or_none(words in prop::collection::vec(any::<usize>(), 0..64), address: usize) {
            let header = 0x1000;
            let mut table = vec![0x3b03_1b01 | 0x20 << 32, words.len()];
            table.extend(&words);
            if let Some(entry) = entry_of(address, header, &FakeMemory::new(header, &table)) {
                let _ = row_of(address, &entry);
            }
        }

        #[test]
        fn any_entry_gives_a_row_or_none(bytes in prop::collection::vec(any::<u8>(), 24..200), offset in 0usize..24, address: usize) {
            let _ = row_of(address, &Entry { base: 0x1000, bytes, offset });
        }
    }
}
