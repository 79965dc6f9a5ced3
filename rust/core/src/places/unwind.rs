//! The stack of a thread that sleeps, from its stack pointer, its program counter and a copy of its stack.
//!
//! The kernel shows only these two registers of a sleeping thread. Call frame information says how to find the caller's from
//! them, and where a function has saved the others. A rule that needs a register whose value is not known ends the walk:
//! there is no frame rather than a guessed one, and none from a chain of frame pointers. One such register is found out: the
//! frame pointer of a function whose first instructions say how far below it the stack pointer is. It counts only if the return
//! address beside it follows a call of this very function.

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

/// Whether a return address is signed (aarch64), as a register of the call frame information.
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
    /// The address of the function's first instruction.
    entry: usize,
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
            let Some(row) = row else { break };
            if registers.get(usize::from(row.frame.0)) == Some(&None) {
                let stack_pointer = registers[usize::from(abi::STACK_POINTER)];
                registers[usize::from(row.frame.0)] =
                    stack_pointer.and_then(|sp| frame_pointer(row, probe, sp, snapshot, memory));
            }
            let Some(caller) = registers_of_caller(row, &registers, snapshot) else { break };
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

/// Returns the frame pointer of a function that has one, with its code at `probe` and the stack pointer at `sp`.
///
/// The first instructions of such a function save the caller's frame pointer, copy the stack pointer to it, save more
/// registers, and make room for variables. Where it moves the stack pointer later, too, the sum is wrong; the word beside
/// that address is then no return address of a call of this function.
#[cfg(target_arch = "x86_64")]
fn frame_pointer(row: &Row, probe: usize, sp: usize, snapshot: &Snapshot, memory: &impl Memory) -> Option<usize> {
    const FRAME_POINTER: u16 = 6;
    const LONGEST_BEGINNING: usize = 64;
    if row.frame != (FRAME_POINTER, 16) {
        return None;
    }
    let mut code = vec![0u8; LONGEST_BEGINNING.min(probe.checked_sub(row.entry)?)];
    if !memory.read(row.entry, &mut code) {
        return None;
    }
    let pointer = sp.checked_add(bytes_below_frame_pointer(&code)?)?;
    let return_address = snapshot.word(pointer.checked_add(8)?)?;
    follows_call_of(row.entry, return_address, memory).then_some(pointer)
}

/// Returns nothing: what the first instructions do is known of x86-64 only.
#[cfg(not(target_arch = "x86_64"))]
fn frame_pointer(row: &Row, _probe: usize, _sp: usize, _snapshot: &Snapshot, _memory: &impl Memory) -> Option<usize> {
    let _ = row.entry;
    None
}

/// Returns how far below its frame pointer a function's first instructions put the stack pointer.
#[cfg(target_arch = "x86_64")]
fn bytes_below_frame_pointer(code: &[u8]) -> Option<usize> {
    let code = code.strip_prefix(&[0xf3, 0x0f, 0x1e, 0xfa]).unwrap_or(code); // endbr64
    let code = code.strip_prefix(&[0x55])?; // push rbp
    let mut code = code.strip_prefix(&[0x48, 0x89, 0xe5]).or(code.strip_prefix(&[0x48, 0x8b, 0xec]))?; // mov rbp, rsp
    let mut n_bytes = 0;
    while let [0x50..=0x57, rest @ ..] | [0x41, 0x50..=0x57, rest @ ..] = code {
        (n_bytes, code) = (n_bytes + 8, rest); // push register
    }
    Some(match code {
        [0x48, 0x83, 0xec, room @ 0..=0x7f, ..] => n_bytes + usize::from(*room), // sub rsp, room
        [0x48, 0x81, 0xec, a, b, c, d, ..] => n_bytes + u32::from_le_bytes([*a, *b, *c, *d]) as usize,
        _ => n_bytes,
    })
}

/// Returns whether a return address follows a call of the function at `entry`: directly, or through an entry that the linker made.
#[cfg(target_arch = "x86_64")]
fn follows_call_of(entry: usize, return_address: usize, memory: &impl Memory) -> bool {
    let before = |n_bytes: usize| {
        let mut code = [0u8; 6];
        let code = code.get_mut(..n_bytes)?;
        memory.read(return_address.checked_sub(n_bytes)?, code).then(|| code.to_vec())
    };
    let relative = |next: usize, bytes: &[u8]| {
        let distance = i32::from_le_bytes(bytes.try_into().ok()?);
        next.checked_add_signed(distance as isize)
    };
    // jmp *slot, at the beginning of a stub
    let leads_to_entry = |stub: usize| {
        let mut code = [0u8; 11];
        if !memory.read(stub, &mut code) {
            return None;
        }
        let rest = code.strip_prefix(&[0xf3, 0x0f, 0x1e, 0xfa]).unwrap_or(&code);
        let rest = rest.strip_prefix(&[0xf2]).unwrap_or(rest);
        let rest = rest.strip_prefix(&[0xff, 0x25])?;
        let next = stub + code.len() - rest.len() + 4;
        Some(memory.word(relative(next, rest.get(..4)?)?)? == entry)
    };
    let direct = || {
        let code = before(5)?;
        let target = relative(return_address, code.strip_prefix(&[0xe8])?)?;
        Some(target == entry || leads_to_entry(target) == Some(true))
    };
    let through_slot = || {
        let code = before(6)?;
        Some(memory.word(relative(return_address, code.strip_prefix(&[0xff, 0x15])?)?)? == entry)
    };
    direct() == Some(true) || through_slot() == Some(true)
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
        entry: usize::try_from(own.initial_address()).ok()?,
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
        Row { frame: (register, offset), rules: rules.to_vec(), return_address: RETURN, is_signed: false, entry: 0 }
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

    /// Code of two functions at this address, side by side: one of 64 bytes, and what calls it.
    #[cfg(target_arch = "x86_64")]
    const CODE: usize = 0x4000;

    /// Memory with `code` at `CODE`.
    #[cfg(target_arch = "x86_64")]
    fn memory_with(code: &[u8]) -> FakeMemory {
        let mut padded = code.to_vec();
        padded.resize(code.len().next_multiple_of(8) + 16, 0x90);
        let words: Vec<_> = padded.as_chunks::<8>().0.iter().map(|word| usize::from_le_bytes(*word)).collect();
        FakeMemory::new(CODE, &words)
    }

    /// push rbp; mov rbp, rsp; push r15; push rbx; sub rsp, 8; ... and at 64 a call of it.
    #[cfg(target_arch = "x86_64")]
    fn called_function(call: &[u8]) -> Vec<u8> {
        let mut code = vec![0x55, 0x48, 0x89, 0xe5, 0x41, 0x57, 0x53, 0x48, 0x83, 0xec, 0x08];
        code.resize(64, 0x90);
        code.extend(call);
        code
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn a_frame_pointer_counts_only_beside_a_return_address_of_a_call_of_this_function() {
        let mut row = row(FRAME, 16, &[]);
        row.entry = CODE;
        // Two saved registers and 8 bytes lie between the stack pointer and the frame pointer.
        let pointer_of = |call: &[u8], words: &[usize]| {
            let memory = memory_with(&called_function(call));
            frame_pointer(&row, CODE + 40, 0x8000, &snapshot(words), &memory)
        };
        let distance = |to: i32, from: i32| (to - from).to_le_bytes();
        let [a, b, c, d] = distance(0, 69);
        let (call, after) = ([0xe8, a, b, c, d], CODE + 69);

        assert_eq!(pointer_of(&call, &[0, 0, 0, 0xbeef, after]), Some(0x8018));
        assert_eq!(pointer_of(&call, &[0, 0, 0, 0, 0xbeef, after]), None); // the stack pointer was moved since
        assert_eq!(pointer_of(&call, &[0, 0, 0, 0xbeef]), None); // not within the copy
        let [a, b, c, d] = distance(8, 69);
        assert_eq!(pointer_of(&[0xe8, a, b, c, d], &[0, 0, 0, 0xbeef, after]), None); // a call of another function
        assert_eq!(pointer_of(&[0x90; 5], &[0, 0, 0, 0xbeef, after]), None); // no call
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn a_call_through_the_linkers_table_is_one_of_the_function_that_the_table_has() {
        // At 64: call *slot; at 72: a stub that jumps to *slot; at 80: the slot.
        let slot = |entry: usize| {
            let mut code = called_function(&[0xff, 0x15, 10, 0, 0, 0, 0x90, 0x90, 0xff, 0x25, 2, 0, 0, 0, 0x90, 0x90]);
            code.extend(entry.to_le_bytes());
            code.extend([0xe8, 0xf3, 0xff, 0xff, 0xff]); // at 88: a call of the stub
            memory_with(&code)
        };

        assert!(follows_call_of(CODE, CODE + 70, &slot(CODE)));
        assert!(!follows_call_of(CODE, CODE + 70, &slot(CODE + 8)));
        assert!(!follows_call_of(CODE, CODE + 93, &slot(CODE + 8)));
        let [a, b, c, d] = (72i32 - 93).to_le_bytes();
        let mut code = called_function(&[0x90; 8]);
        code.extend([0xff, 0x25, 2, 0, 0, 0, 0x90, 0x90]);
        code.extend(CODE.to_le_bytes());
        code.extend([0xe8, a, b, c, d]);
        assert!(follows_call_of(CODE, CODE + 93, &memory_with(&code)));
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn the_first_instructions_say_how_far_below_the_frame_pointer_the_stack_pointer_is() {
        let begun = |rest: &[u8]| bytes_below_frame_pointer(&[&[0x55, 0x48, 0x89, 0xe5], rest].concat());

        assert_eq!(begun(&[]), Some(0));
        assert_eq!(begun(&[0x41, 0x56, 0x53, 0x90]), Some(16));
        assert_eq!(begun(&[0x53, 0x48, 0x81, 0xec, 0x00, 0x01, 0x00, 0x00]), Some(264));
        assert_eq!(bytes_below_frame_pointer(&[0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0x48, 0x89, 0xe5, 0x53]), Some(8));
        assert_eq!(bytes_below_frame_pointer(&[0x53, 0x48, 0x89, 0xe5]), None);
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
        fn any_code_gives_a_frame_pointer_or_none(code in prop::collection::vec(any::<u8>(), 0..96)) {
            #[cfg(target_arch = "x86_64")]
            {
                let _ = bytes_below_frame_pointer(&code);
                let _ = follows_call_of(CODE, CODE + code.len(), &memory_with(&code));
            }
        }

        #[test]
        fn any_entry_gives_a_row_or_none(bytes in prop::collection::vec(any::<u8>(), 24..200), offset in 0usize..24, address: usize) {
            let _ = row_of(address, &Entry { base: 0x1000, bytes, offset });
        }
    }
}
