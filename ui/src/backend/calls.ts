import type { Backend } from "./backend";
import type {
  CheckResult,
  Finding,
  HistoryEvent,
  Outcome,
  Preview,
  ServiceDetails,
  UsageSample,
} from "./wire";

/** Sends a call to the host: one of `src-tauri/core/src/app/calls.rs`. */
type Call = <T>(name: string, given: object) => Promise<T>;

/** The calls that every host answers alike. */
export const calls = (call: Call) =>
  ({
    start: (file, services) => call<Outcome>("start", { file, services }),
    stop: (file, services) => call<Outcome>("stop", { file, services }),
    restart: (file, services) => call<Outcome>("restart", { file, services }),

    doctor: (file) => call<Finding[]>("doctor", { file }),
    previewRemedy: (file, action) => call<Preview>("preview_remedy", { file, action }),
    carryOut: (file, action) => call<Outcome>("carry_out", { file, action }),

    describe: (file, service) => call<ServiceDetails>("describe", { file, service }),
    runChecks: (file, service) => call<CheckResult[]>("run_checks", { file, service }),
    reveal: (file, service, variable) => call<string>("reveal", { file, service, variable }),
    events: (file, since) => call<HistoryEvent[]>("events", { file, since }),
    usageOf: (file, service) => call<UsageSample[]>("usage_of", { file, service }),
    share: (file) => call<string>("share", { file }),
    probePaths: (file) => call<Record<string, string[]>>("probe_paths", { file }),

    tryExample: () => call<string>("try_example", {}),
    breakExample: (file, how) => call<string>("break_example", { file, how }),
    repairExample: (file) => call<Outcome>("repair_example", { file }),

    removeStack: (file) => call<Outcome>("remove_stack", { file }),
    applyChange: (file) => call<Outcome>("apply_change", { file }),
  }) satisfies Partial<Backend>;

/** The calls that open something outside of the page. */
export const openings = (call: Call) =>
  ({
    openLink: (file, service, label) => call<void>("open_link", { file, service, label }),
    openLogFile: (file, service) => call<void>("open_log_file", { file, service }),
    openOwnLog: () => call<void>("open_own_log", {}),
    openStackFile: (file) => call<void>("open_stack_file", { file }),
    openFolder: (file, service) => call<void>("open_folder", { file, service }),
  }) satisfies Partial<Backend>;
