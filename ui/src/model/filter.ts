import type { ServiceView } from "../backend/wire";
import { hasProblem } from "./words";
import { isOnItsWay } from "./world";

/** With more services than this, rows are compact, chips filter them, and problems come first. */
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

/** The services in the order of the list: if there are many, those with a problem come first. */
export function inOrder(services: readonly ServiceView[]): ServiceView[] {
  if (services.length <= MANY) return [...services];
  const problems = services.filter(hasProblem);
  return [...problems, ...services.filter((service) => !hasProblem(service))];
}
