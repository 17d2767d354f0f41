/** JSON as it comes from outside: looked at with care, never trusted to have a shape. */
export type Json = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null;
}

/** An object's own, or an empty one for anything else. */
export function objectOf(value: unknown): Json {
  return isObject(value) ? value : {};
}

export function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}

export function textOf(value: unknown, fallback = ""): string {
  return typeof value === "string" ? value : fallback;
}

export function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

export function parseObject(text: string): Json {
  return objectOf(JSON.parse(text));
}
