//! Loaded objects and their symbols, as the dynamic linker knows them.

use std::ffi::{CStr, CString, c_char, c_int, c_void};

use crate::os::memory::CodeLocation;

/// A loaded object.
#[derive(Clone, Debug)]
pub struct LoadedObject {
    /// What the dynamic linker added to the addresses in the object's file.
    pub(super) base: usize,
    /// The first address of its loaded segments and the first address after them.
    pub(super) range: (usize, usize),
    /// The address of its dynamic section.
    pub(super) dynamic: usize,
    /// The address of the header of its call frame information; 0 if it has none.
    pub(super) frame_header: usize,
}

impl LoadedObject {
    /// Returns whether `address` lies in this object.
    pub fn contains(&self, address: usize) -> bool {
        (self.range.0..self.range.1).contains(&address)
    }

    /// Returns the address of the header of its call frame information (LSB, `.eh_frame_hdr`).
    pub fn frame_header(&self) -> Option<usize> {
        (self.frame_header != 0).then_some(self.frame_header)
    }

    /// Returns its first address, which no other object has as long as it is loaded.
    pub fn start(&self) -> usize {
        self.range.0
    }

    /// Returns a pointer of the dynamic section as an address: glibc relocates them in place, musl leaves them relative.
    pub(super) fn resolve(&self, pointer: usize) -> usize {
        if pointer != 0 && !self.contains(pointer) { self.base.wrapping_add(pointer) } else { pointer }
    }
}

struct Search {
    address: usize,
    result: Option<LoadedObject>,
}

/// Returns the object of a record; `None` if it has no dynamic section.
///
/// # Safety
///
/// `info` is a record of the dynamic linker, which has not returned from the call that it was made for.
unsafe fn object_of(info: &libc::dl_phdr_info) -> Option<LoadedObject> {
    #[allow(clippy::cast_possible_truncation, reason = "pointers have 64 bits here")]
    let base = info.dlpi_addr as usize;
    // SAFETY: the record has the address and the number of the program headers, which stay mapped during that call.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    let (mut low, mut high, mut dynamic, mut frame_header) = (usize::MAX, 0, 0, 0);
    for header in headers {
        #[allow(clippy::cast_possible_truncation, reason = "pointers have 64 bits here")]
        let (start, size) = (base.wrapping_add(header.p_vaddr as usize), header.p_memsz as usize);
        match header.p_type {
            libc::PT_LOAD => {
                low = low.min(start);
                high = high.max(start + size);
            }
            libc::PT_DYNAMIC => dynamic = start,
            libc::PT_GNU_EH_FRAME => frame_header = start,
            _ => {}
        }
    }
    (dynamic != 0).then_some(LoadedObject { base, range: (low, high), dynamic, frame_header })
}

/// Sets the result of a search if its address lies in this object.
///
/// # Safety
///
/// `info` is a record of the dynamic linker, and `data` a `Search` that nobody else uses.
unsafe extern "C" fn visit(info: *mut libc::dl_phdr_info, _size: usize, data: *mut c_void) -> c_int {
    // SAFETY: the caller guarantees both pointers.
    let (object, search) = unsafe { (object_of(&*info), &mut *data.cast::<Search>()) };
    search.result = object.filter(|object| object.contains(search.address));
    c_int::from(search.result.is_some())
}

/// Returns the loaded object that `address` lies in.
///
/// A file name would not do: the GIL's code may be in the program itself, in libpython, or in an object that embeds it.
pub fn object_at(address: usize) -> Option<LoadedObject> {
    let mut search = Search { address, result: None };
    // SAFETY: dl_iterate_phdr calls `visit` with its own records and with `search`, which outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut search).cast()) };
    search.result
}

/// The objects that are loaded at one moment.
#[derive(Debug, Default)]
pub struct LoadedObjects {
    /// How many objects have been loaded and unloaded so far; it changes with each of them.
    pub n_changes: u64,
    /// Each object, with its file as the dynamic linker knows it; without one for the program itself.
    pub objects: Vec<(CString, LoadedObject)>,
}

/// Adds an object to a list of them.
///
/// # Safety
///
/// `info` is a record of the dynamic linker of `size` bytes, and `data` a `LoadedObjects` that nobody else uses.
unsafe extern "C" fn add(info: *mut libc::dl_phdr_info, size: usize, data: *mut c_void) -> c_int {
    // SAFETY: the caller guarantees both pointers.
    let (info, list) = unsafe { (&*info, &mut *data.cast::<LoadedObjects>()) };
    if size >= std::mem::offset_of!(libc::dl_phdr_info, dlpi_subs) + size_of_val(&info.dlpi_subs) {
        list.n_changes = info.dlpi_adds.wrapping_add(info.dlpi_subs);
    }
    // SAFETY: this is the call that the record was made for.
    if let Some(object) = unsafe { object_of(info) } {
        // SAFETY: the name is null or a C string of the dynamic linker, which is copied at once.
        let name = (!info.dlpi_name.is_null()).then(|| unsafe { CStr::from_ptr(info.dlpi_name) }.to_owned());
        list.objects.push((name.unwrap_or_default(), object));
    }
    0
}

/// Returns all loaded objects.
pub fn loaded_objects() -> LoadedObjects {
    let mut list = LoadedObjects::default();
    // SAFETY: dl_iterate_phdr calls `add` with its own records and with `list`, which outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(add), (&raw mut list).cast()) };
    list
}

/// Keeps a loaded object from being unloaded, as long as this lives.
#[derive(Debug)]
pub struct KeptObject {
    handle: *mut c_void,
}

// SAFETY: the dynamic linker's functions may be called with a handle in any thread.
unsafe impl Send for KeptObject {}

impl KeptObject {
    /// Keeps this object, which has this file. `None` if the dynamic linker does not know it any more. Until then the object's
    /// memory may not be read: another thread may unload it.
    pub fn new(file: &CStr, object: &LoadedObject) -> Option<Self> {
        // The program itself, which has no name, is never unloaded. Its handle needs no care either.
        let file = if file.is_empty() { std::ptr::null() } else { file.as_ptr() };
        // SAFETY: `file` is null or a C string. The object is loaded already, so that no code of it runs.
        let handle = unsafe { libc::dlopen(file, libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
        if handle.is_null() {
            return None;
        }
        let kept = Self { handle };
        // Another one of the same name may have come in its place.
        object_at(object.dynamic).filter(|now| now.range == object.range).map(|_| kept)
    }
}

impl Drop for KeptObject {
    fn drop(&mut self) {
        // SAFETY: the handle is one of `dlopen`, and is closed once.
        unsafe { libc::dlclose(self.handle) };
    }
}

/// Returns the address of the symbol `name` among the objects that are loaded globally.
pub fn symbol(name: &CStr) -> Option<usize> {
    // SAFETY: `name` is a C string.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!address.is_null()).then_some(address as usize)
}

/// Returns the function itself, of this version if there is one.
///
/// It is never a lazy stub of an object. A hook that called a stub would make the dynamic linker rebind the GOT entry and
/// silently remove the hook.
pub fn real_function(name: &CStr, version: Option<&CStr>) -> Option<usize> {
    // Symbols have versions in glibc only.
    #[cfg(target_env = "gnu")]
    if let Some(version) = version {
        // SAFETY: both are C strings.
        let address = unsafe { libc::dlvsym(libc::RTLD_DEFAULT, name.as_ptr(), version.as_ptr()) };
        if !address.is_null() {
            return Some(address as usize);
        }
    }
    #[cfg(not(target_env = "gnu"))]
    let _ = version;
    symbol(name)
}

/// Returns the size of the symbol at exactly this address; 0 if it is not known.
#[cfg(target_env = "gnu")]
pub fn symbol_size_at(address: usize) -> usize {
    const RTLD_DL_SYMENT: c_int = 1; // of glibc's dlfcn.h
    let mut entry: *mut c_void = std::ptr::null_mut();
    // SAFETY: Dl_info consists of pointers, for which zero bytes are valid.
    let mut info: libc::Dl_info = unsafe { std::mem::zeroed() };
    // SAFETY: both outputs are local variables. With RTLD_DL_SYMENT a non-null `entry` points to a symbol of a loaded
    // object, and Elf64_Sym is its type.
    unsafe {
        if libc::dladdr1(address as *const c_void, &raw mut info, &raw mut entry, RTLD_DL_SYMENT) == 0
            || entry.is_null()
            || info.dli_saddr as usize != address
        {
            return 0;
        }
        usize::try_from((*entry.cast::<libc::Elf64_Sym>()).st_size).unwrap_or(0)
    }
}

/// Returns 0: this C library does not tell.
#[cfg(not(target_env = "gnu"))]
pub fn symbol_size_at(_address: usize) -> usize {
    0
}

/// Returns the loaded object and the nearest symbol of an address.
pub fn code_at(address: usize) -> Option<CodeLocation> {
    let bias = object_at(address)?.base;
    // SAFETY: Dl_info consists of pointers, for which zero bytes are valid.
    let mut info: libc::Dl_info = unsafe { std::mem::zeroed() };
    // SAFETY: `info` is valid for writing.
    if unsafe { libc::dladdr(address as *const c_void, &raw mut info) } == 0 {
        return None;
    }
    let text = |pointer: *const c_char| {
        // SAFETY: dladdr sets these pointers to null or to C strings of a loaded object; the text is copied at once.
        (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
    };
    text(info.dli_fname).map(|file| CodeLocation { file, bias, symbol: text(info.dli_sname) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_found_by_an_address_inside_it() {
        let object = object_at(object_at as *const () as usize).expect("this program");

        assert!(object.contains(visit as *const () as usize));
        assert!(object_at(16).is_none());
    }

    #[test]
    fn every_object_is_listed_and_can_be_kept() {
        let list = loaded_objects();

        let own = object_at(object_at as *const () as usize).expect("this program");
        assert!(list.objects.iter().any(|(_, object)| object.base == own.base));
        let libc = object_at(libc::getpid as *const () as usize).expect("the C library");
        let (file, object) = list.objects.iter().find(|(_, object)| object.base == libc.base).expect("it is loaded");
        assert!(KeptObject::new(file, object).is_some());
        assert!(KeptObject::new(c"/no/such/object.so", object).is_none());
        assert_eq!(loaded_objects().n_changes, list.n_changes);
    }

    #[test]
    fn the_real_function_is_no_stub_of_this_program() {
        let object = object_at(object_at as *const () as usize).expect("this program");

        let real = real_function(c"pthread_mutex_unlock", None).expect("the C library has it");

        assert!(!object.contains(real));
        assert!(real_function(c"no_such_function_anywhere", None).is_none());
    }

    #[test]
    fn code_has_a_location_and_other_addresses_have_none() {
        assert!(code_at(code_at as *const () as usize).is_some());
        assert_eq!(code_at(8), None);
    }
}
