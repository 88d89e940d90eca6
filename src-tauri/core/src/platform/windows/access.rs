//! Users and access control.

use std::{
    ffi::c_void,
    io,
    os::windows::io::{AsRawHandle, FromRawHandle as _, OwnedHandle},
    path::Path,
    ptr,
};

use windows_sys::Win32::{
    Foundation::{HLOCAL, LocalFree},
    Security::{
        ACL,
        Authorization::{
            ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW,
            ConvertStringSidToSidW, GetSecurityInfo, SDDL_REVISION_1, SE_FILE_OBJECT,
            SE_KERNEL_OBJECT, SE_OBJECT_TYPE, SetSecurityInfo,
        },
        DACL_SECURITY_INFORMATION, GetSecurityDescriptorControl, GetSecurityDescriptorDacl,
        GetTokenInformation, LookupAccountSidW, OWNER_SECURITY_INFORMATION,
        PROTECTED_DACL_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, PSID, SE_DACL_PROTECTED,
        SECURITY_ATTRIBUTES, TOKEN_QUERY, TOKEN_USER, TokenUser,
    },
    Storage::FileSystem::CreateDirectoryW,
    System::Threading::{GetCurrentProcess, OpenProcessToken},
};

use super::call::{check, check_code, raw, size, wide};

/// Objects of elevated programs and services belong to the administrators or the system.
const TRUSTED_OWNERS: [&str; 2] = ["S-1-5-32-544", "S-1-5-18"];

/// Returns the current user as the text of a security identifier.
pub(super) fn user() -> io::Result<String> {
    // SAFETY: a number that always means this process and is never closed.
    token_user(unsafe { GetCurrentProcess() })
}

/// Returns the user of the process behind an open handle.
pub(super) fn user_of(process: &impl AsRawHandle) -> io::Result<String> {
    token_user(raw(process))
}

fn token_user(process: *mut c_void) -> io::Result<String> {
    let mut token = ptr::null_mut();
    // SAFETY: the handle is open, and the returned handle is ours.
    let token = unsafe {
        check(OpenProcessToken(process, TOKEN_QUERY, &raw mut token))?;
        OwnedHandle::from_raw_handle(token)
    };
    // A security identifier has 68 bytes at most.
    let mut room = [0_u64; 16];
    let mut length = 0;
    // SAFETY: writes a `TOKEN_USER` and what it points at into `room`, which is large enough, and
    // aligned for it.
    unsafe {
        check(GetTokenInformation(
            raw(&token),
            TokenUser,
            room.as_mut_ptr().cast::<c_void>(),
            size::<[u64; 16]>(),
            &raw mut length,
        ))?;
        text((*room.as_ptr().cast::<TOKEN_USER>()).User.Sid)
    }
}

/// Returns the name of the user with this security identifier; `None` if no user has it any longer.
pub(super) fn user_name(sid: &str) -> Option<String> {
    let sid = wide(sid);
    let mut user = ptr::null_mut();
    // SAFETY: the text ends with a zero; the returned memory is ours to free.
    check(unsafe { ConvertStringSidToSidW(sid.as_ptr(), &raw mut user) }).ok()?;
    let user = Local(user);
    // An account name has 20 characters, a group or a domain up to 256.
    let (mut name, mut domain) = ([0_u16; 257], [0_u16; 257]);
    let (mut length, mut length_of_domain, mut kind) = (257, 257, 0);
    // SAFETY: a security identifier created by the system; each name has as many places as its
    // length says.
    check(unsafe {
        LookupAccountSidW(
            ptr::null(),
            user.0,
            name.as_mut_ptr(),
            &raw mut length,
            domain.as_mut_ptr(),
            &raw mut length_of_domain,
            &raw mut kind,
        )
    })
    .ok()?;
    String::from_utf16(name.get(..length as usize)?).ok()
}

/// # Safety
///
/// `sid` must be a security identifier.
unsafe fn text(sid: PSID) -> io::Result<String> {
    let mut units = ptr::null_mut();
    // SAFETY: the returned text ends with a zero, and is ours to free.
    unsafe {
        check(ConvertSidToStringSidW(sid, &raw mut units))?;
        let _freed = Local(units.cast::<c_void>());
        let mut length = 0;
        while *units.add(length) != 0 {
            length += 1;
        }
        String::from_utf16(std::slice::from_raw_parts(units, length)).map_err(io::Error::other)
    }
}

/// Memory that the system has allocated and that is ours to free.
struct Local(HLOCAL);

impl Drop for Local {
    fn drop(&mut self) {
        // SAFETY: freed once, here.
        unsafe { LocalFree(self.0) };
    }
}

/// The security descriptor of a new object.
pub(super) struct Descriptor(Local);

impl Descriptor {
    /// Grants everything to the current user, and nothing to others.
    pub(super) fn for_user_alone() -> io::Result<Self> {
        let user = user()?;
        Self::read(&format!("O:{user}D:P(A;;GA;;;{user})"))
    }

    /// Returns the descriptor for a folder and its content: grants everything to the current user,
    /// and to the system and the administrators, who have access in any case.
    fn for_private_folder() -> io::Result<Self> {
        let user = user()?;
        Self::read(&format!(
            "O:{user}D:P(A;OICI;FA;;;{user})(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
        ))
    }

    /// Parses the text form of a security descriptor.
    fn read(text: &str) -> io::Result<Self> {
        let text = wide(text);
        let mut descriptor = ptr::null_mut();
        // SAFETY: the text ends with a zero; the returned memory is ours to free.
        check(unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &raw mut descriptor,
                ptr::null_mut(),
            )
        })?;
        Ok(Self(Local(descriptor)))
    }

    /// Returns a pointer that is valid as long as `self`.
    pub(super) fn as_ptr(&self) -> PSECURITY_DESCRIPTOR {
        self.0.0
    }

    fn list(&self) -> io::Result<*mut ACL> {
        let (mut is_there, mut list, mut is_default) = (0, ptr::null_mut(), 0);
        // SAFETY: a descriptor created by the system; each result has a variable.
        check(unsafe {
            GetSecurityDescriptorDacl(
                self.as_ptr(),
                &raw mut is_there,
                &raw mut list,
                &raw mut is_default,
            )
        })?;
        Ok(list)
    }
}

/// Creates a folder that only the current user can access. Fails with
/// [`io::ErrorKind::AlreadyExists`] if the path exists.
pub(super) fn make_private_folder(path: &Path) -> io::Result<()> {
    let descriptor = Descriptor::for_private_folder()?;
    let attributes = SECURITY_ATTRIBUTES {
        nLength: size::<SECURITY_ATTRIBUTES>(),
        lpSecurityDescriptor: descriptor.as_ptr(),
        bInheritHandle: 0,
    };
    let path = wide(path);
    // SAFETY: the path ends with a zero, and the descriptor outlives the call.
    check(unsafe { CreateDirectoryW(path.as_ptr(), &raw const attributes) })
}

/// Makes a folder private unless it already is. It must be open with the rights to read and write
/// its access list.
///
/// Fails with [`io::ErrorKind::PermissionDenied`] if it belongs to another user.
pub(super) fn close_folder(folder: &impl AsRawHandle) -> io::Result<()> {
    let known = Known::of(folder, SE_FILE_OBJECT)?;
    let owner = known.owner()?;
    if owner != user()? && !TRUSTED_OWNERS.contains(&owner.as_str()) {
        return Err(of_another_user());
    }
    if known.is_closed()? {
        return Ok(());
    }
    let descriptor = Descriptor::for_private_folder()?;
    // SAFETY: the handle is open, and the list outlives the call.
    check_code(unsafe {
        SetSecurityInfo(
            raw(folder),
            SE_FILE_OBJECT,
            DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
            ptr::null_mut(),
            ptr::null_mut(),
            descriptor.list()?,
            ptr::null(),
        )
    })
}

/// Fails with [`io::ErrorKind::PermissionDenied`] if a pipe belongs to another user, who listens
/// under one of our names.
pub(super) fn require_own_pipe(pipe: &impl AsRawHandle) -> io::Result<()> {
    let owner = Known::of(pipe, SE_KERNEL_OBJECT)?.owner()?;
    if owner == user()? {
        Ok(())
    } else {
        Err(of_another_user())
    }
}

fn of_another_user() -> io::Error {
    io::Error::new(
        io::ErrorKind::PermissionDenied,
        "it belongs to another user",
    )
}

/// The owner and access list of an object.
struct Known {
    descriptor: Local,
    owner: PSID,
}

impl Known {
    fn of(object: &impl AsRawHandle, kind: SE_OBJECT_TYPE) -> io::Result<Self> {
        let (mut owner, mut descriptor) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: the handle is open, and each result has a variable. The descriptor is ours to
        // free and contains the owner.
        check_code(unsafe {
            GetSecurityInfo(
                raw(object),
                kind,
                OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                &raw mut owner,
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
                &raw mut descriptor,
            )
        })?;
        Ok(Self {
            descriptor: Local(descriptor),
            owner,
        })
    }

    fn owner(&self) -> io::Result<String> {
        // SAFETY: the owner is in the descriptor, which lives as long as `self`.
        unsafe { text(self.owner) }
    }

    /// Returns whether it inherits no access from the parent folder, as folders created here do.
    fn is_closed(&self) -> io::Result<bool> {
        let (mut control, mut revision) = (0, 0);
        // SAFETY: a descriptor created by the system; each result has a variable.
        check(unsafe {
            GetSecurityDescriptorControl(self.descriptor.0, &raw mut control, &raw mut revision)
        })?;
        Ok(control & SE_DACL_PROTECTED != 0)
    }
}
