import type { ServiceView } from "../backend/wire";
import { hasProblem } from "./words";
import { isOnItsWay } from "./world";

/** More services than this are many: compact rows, chips, problems first. */
export const MANY = 6;

export type Filter = "all" | "problems" | "starting";

export const FILTERS: readonly { name: Filter; text: string }[] = [
  { name: "all", text: "All" },
  { name: "problems", text: "Problems" },
  { name: "starting", text: "Starting" },
];

/** Whether a filter shows a service. */
export function passes(service: ServiceView, filter: Filter): boolean {
  switch (filter) {
    case "all":
      return true;
    case "problems":
      return hasProblem(service);
    case "starting":
      return isOnItsWay(service);
  }
}

/** The services as they are listed: of many, those with a problem come first. */
export function inOrder(services: readonly ServiceView[]): ServiceView[] {
  if (services.length <= MANY) return [...services];
  const problems = services.filter(hasProblem);
  return [...problems, ...services.filter((service) => !hasProblem(service))];
}
