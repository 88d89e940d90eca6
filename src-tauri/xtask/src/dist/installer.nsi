; The installer for Windows: for one user, without an administrator, and silent with /S.
; Given with -D: VERSION, FROM (the folder with what is installed), ICON and OUT.

Unicode true
SetCompressor /SOLID lzma

!include "MUI2.nsh"
!include "LogicLib.nsh"
!include "WordFunc.nsh"
!include "WinMessages.nsh"
!include "Win/COM.nsh"
!include "Win/Propkey.nsh"

!define NAME "Pilot Light"
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\${NAME}"
!define AT_LOGIN "Software\Microsoft\Windows\CurrentVersion\Run"
; Where the task manager keeps what its user thinks of that.
!define APPROVED "Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run"
; As whom Windows knows the sender of notifications; the same as `identifier` in tauri.conf.json.
!define ID "dev.pilotlight.desktop"
!define SENDER "Software\Classes\AppUserModelId\${ID}"

Name "${NAME}"
OutFile "${OUT}"
RequestExecutionLevel user
InstallDir "$LOCALAPPDATA\Programs\${NAME}"
; An update goes where the last one went.
InstallDirRegKey HKCU "${UNINSTALL}" "InstallLocation"
ManifestDPIAware true
ManifestLongPathAware true

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_ABORTWARNING
!insertmacro MUI_PAGE_LICENSE "${FROM}/LICENSE"
!insertmacro MUI_PAGE_COMPONENTS
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

; A program that runs can neither be replaced nor removed.
!macro DEMAND_ENDED file
  ${Do}
    ${IfNotThen} ${FileExists} "${file}" ${|} ${ExitDo} ${|}
    ClearErrors
    FileOpen $0 "${file}" a
    ${IfNot} ${Errors}
      FileClose $0
      ${ExitDo}
    ${EndIf}
    ${If} ${Cmd} `MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "${file} is running. End it first: pilotlight down ends what it keeps." /SD IDCANCEL IDCANCEL`
      SetErrorLevel 2
      Quit
    ${EndIf}
  ${Loop}
!macroend

; Reads the user's PATH into $0. It is read in vain both where there is none and where it is longer than this
; installer can hold, and to write such a one back would lose it: $1 says whether it may be changed.
!macro READ_PATH
  StrCpy $1 "yes"
  ClearErrors
  ReadRegStr $0 HKCU "Environment" "Path"
  ${If} ${Errors}
    StrCpy $0 ""
    StrCpy $2 0
    ${Do}
      ClearErrors
      EnumRegValue $3 HKCU "Environment" $2
      ${IfThen} ${Errors} ${|} ${ExitDo} ${|}
      ${IfThen} $3 == "" ${|} ${ExitDo} ${|}
      ${IfThen} $3 == "Path" ${|} StrCpy $1 "no" ${|}
      IntOp $2 $2 + 1
    ${Loop}
  ${EndIf}
  StrLen $2 "$0;$INSTDIR"
  IntOp $3 ${NSIS_MAX_STRLEN} - 2
  ${IfThen} $2 >= $3 ${|} StrCpy $1 "no" ${|}
!macroend

!macro WRITE_PATH
  ${If} $0 == ""
    DeleteRegValue HKCU "Environment" "Path"
  ${Else}
    WriteRegExpandStr HKCU "Environment" "Path" "$0"
  ${EndIf}
  SendMessage ${HWND_BROADCAST} ${WM_SETTINGCHANGE} 0 "STR:Environment" /TIMEOUT=2000
!macroend

; Writes into a shortcut as whom Windows knows what it starts, so that a notification starts the app when it is clicked
; after the app has ended. Where that fails the shortcut is as good as any.
!macro IDENTIFY shortcut
  !insertmacro ComHlpr_CreateInProcInstance ${CLSID_ShellLink} ${IID_IShellLink} r0 ""
  ${If} $0 P<> 0
    ${IUnknown::QueryInterface} $0 '("${IID_IPersistFile}",.r1)'
    ${IUnknown::QueryInterface} $0 '("${IID_IPropertyStore}",.r2)'
    ${If} $1 P<> 0
    ${AndIf} $2 P<> 0
      ${IPersistFile::Load} $1 '("${shortcut}",${STGM_READWRITE})'
      System::Call '*${SYSSTRUCT_PROPERTYKEY}(${PKEY_AppUserModel_ID})p.r3'
      System::Call '*(&w128 "${ID}")p.r4'
      System::Call '*${SYSSTRUCT_PROPVARIANT}(${VT_LPWSTR},,$4)p.r5'
      ; They are copied.
      ${IPropertyStore::SetValue} $2 '($3,$5)'
      System::Free $5
      System::Free $4
      System::Free $3
      ${IPropertyStore::Commit} $2 ""
      ${IPersistFile::Save} $1 '("${shortcut}",1)'
    ${EndIf}
    !insertmacro ComHlpr_SafeRelease $2
    !insertmacro ComHlpr_SafeRelease $1
    ${IUnknown::Release} $0 ""
  ${EndIf}
!macroend

Section "${NAME}" PROGRAMS
  SectionIn RO
  !insertmacro DEMAND_ENDED "$INSTDIR\pilotlight.exe"
  !insertmacro DEMAND_ENDED "$INSTDIR\pilot-light.exe"
  SetOutPath "$INSTDIR"
  File /r "${FROM}/*"
  WriteUninstaller "$INSTDIR\uninstall.exe"
  ; Windows shows no notification of a sender that it does not know. The app adds its picture.
  WriteRegStr HKCU "${SENDER}" "DisplayName" "${NAME}"

  WriteRegStr HKCU "${UNINSTALL}" "DisplayName" "${NAME}"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayIcon" "$INSTDIR\uninstall.exe"
  WriteRegStr HKCU "${UNINSTALL}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKCU "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKCU "${UNINSTALL}" "NoModify" 1
  WriteRegDWORD HKCU "${UNINSTALL}" "NoRepair" 1
  SectionGetSize ${PROGRAMS} $0
  WriteRegDWORD HKCU "${UNINSTALL}" "EstimatedSize" $0
SectionEnd

Section "Start menu" MENU
  CreateDirectory "$SMPROGRAMS\${NAME}"
  CreateShortcut "$SMPROGRAMS\${NAME}\${NAME}.lnk" "$INSTDIR\pilot-light.exe"
  !insertmacro IDENTIFY "$SMPROGRAMS\${NAME}\${NAME}.lnk"
  CreateShortcut "$SMPROGRAMS\${NAME}\${NAME} in a terminal.lnk" "$SYSDIR\cmd.exe" '/k ""$INSTDIR\pilotlight.exe" --help"' "$INSTDIR\pilotlight.exe"
SectionEnd

Section "Add pilotlight to PATH" PATH
  !insertmacro READ_PATH
  ${If} $1 == "no"
    DetailPrint "PATH is too long to be changed by this installer."
    MessageBox MB_OK|MB_ICONINFORMATION "Your PATH is too long to be changed by this installer, and was left as it is. Add this folder yourself:$\r$\n$INSTDIR" /SD IDOK
  ${Else}
    ${WordAdd} "$0" ";" "+$INSTDIR" $0
    !insertmacro WRITE_PATH
  ${EndIf}
SectionEnd

!insertmacro MUI_FUNCTION_DESCRIPTION_BEGIN
  !insertmacro MUI_DESCRIPTION_TEXT ${PROGRAMS} "The programs, and how to remove them."
  !insertmacro MUI_DESCRIPTION_TEXT ${MENU} "Entries in the start menu."
  !insertmacro MUI_DESCRIPTION_TEXT ${PATH} "Terminals that are opened from then on know the command pilotlight."
!insertmacro MUI_FUNCTION_DESCRIPTION_END

Section "Uninstall"
  !insertmacro DEMAND_ENDED "$INSTDIR\pilotlight.exe"
  !insertmacro DEMAND_ENDED "$INSTDIR\pilot-light.exe"
  Delete "$INSTDIR\pilotlight.exe"
  Delete "$INSTDIR\pilot-light.exe"
  Delete "$INSTDIR\WebView2Loader.dll"
  Delete "$INSTDIR\WebView2Loader.LICENSE.txt"
  Delete "$INSTDIR\README.md"
  Delete "$INSTDIR\LICENSE"
  ; Earlier versions came with an example.
  RMDir /r "$INSTDIR\examples\nexus"
  RMDir "$INSTDIR\examples"
  Delete "$INSTDIR\uninstall.exe"
  ; Whatever else somebody keeps there stays, and the folder with it.
  RMDir "$INSTDIR"

  Delete "$SMPROGRAMS\${NAME}\${NAME}.lnk"
  Delete "$SMPROGRAMS\${NAME}\${NAME} in a terminal.lnk"
  RMDir "$SMPROGRAMS\${NAME}"

  !insertmacro READ_PATH
  ${If} $1 == "yes"
  ${AndIf} $0 != ""
    ${WordAdd} "$0" ";" "-$INSTDIR" $0
    !insertmacro WRITE_PATH
  ${EndIf}
  ; What the app has written at its user's wish, or for its notifications.
  DeleteRegValue HKCU "${AT_LOGIN}" "${NAME}"
  DeleteRegValue HKCU "${APPROVED}" "${NAME}"
  DeleteRegKey HKCU "${SENDER}"
  DeleteRegKey HKCU "${UNINSTALL}"
SectionEnd
