/** Published numbers that figures show beside ours, with where they are printed. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { malformed, unknownChoice } from '../errors.js';

/** A published number with what it belongs to. */
export interface PaperNumber {
  /** Short name, unique within the paper, e.g. '1enh-128-flashschnet'. */
  id: string;
  /** What was measured, in words. */
  what: string;
  value: number;
  /** Of `value`; '' for a ratio. */
  unit: string;
  hardware: string;
  /** 'paper', 'repository' (its README), or 'measured' (by us, with the paper's code). */
  source: 'paper' | 'repository' | 'measured';
  /** Sizes and settings the number belongs to: atoms, replicas, cutoff … */
  conditions: Record<string, string | number>;
}

/** A paper and its numbers. */
export interface Paper {
  id: string;
  title: string;
  /** How to cite it. */
  citation: string;
  numbers: PaperNumber[];
}

const folder = new URL('../../../data/papers/', import.meta.url);

/** Names `paperNumbers` knows. */
export function papers(): string[] {
  const files = readdirSync(fileURLToPath(folder)).filter((f) => f.endsWith('.json'));
  return files.map((f) => f.slice(0, -5)).sort();
}

/**
 * The published numbers of a paper.
 * @example paperNumbers('flashschnet').numbers.filter((n) => n.unit === 'replica-steps/s')
 * @throws EINVALID for an unknown paper, naming the known ones
 */
export function paperNumbers(id: string): Paper {
  const known = papers();
  if (!known.includes(id)) unknownChoice('paper', id, known);
  const file = fileURLToPath(new URL(`${id}.json`, folder));
  const paper = JSON.parse(readFileSync(file, 'utf8')) as Paper;
  if (paper.id !== id) malformed(file, 'id', `must be '${id}'`, paper.id);
  return paper;
}
