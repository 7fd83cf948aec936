/** Fields of requests, checked: a request of the wrong kind is answered with what is wrong in it. */
import { invalid } from '../lib/errors.js';

export type Content = Record<string, unknown>;

export function text(content: Content, field: string): string {
  const value = content[field];
  return typeof value === 'string' ? value : invalid(field, 'must be text', value);
}

export function flag(content: Content, field: string, usual: boolean): boolean {
  const value = content[field] ?? usual;
  return typeof value === 'boolean' ? value : invalid(field, 'must be true or false', value);
}

export function number(content: Content, field: string, usual: number): number {
  const value = content[field] ?? usual;
  return typeof value === 'number' ? value : invalid(field, 'must be a number', value);
}

/** An object; empty where there is none. */
export function object(content: Content, field: string): Content {
  const value = content[field] ?? {};
  return isObject(value) ? value : invalid(field, 'must be an object', value);
}

export function texts(content: Content, field: string): Record<string, string> {
  const found = object(content, field);
  for (const name of Object.keys(found)) text(found, name);
  return found as Record<string, string>;
}

export function isObject(value: unknown): value is Content {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
