/** What the GPU computes while it is measured: multiply-adds in WGSL (https://www.w3.org/TR/WGSL/), and what has to come out of them. */

/** Threads of one run: 64 in each of 4096 groups, which is enough for the largest GPUs to be full. */
export const GPU_GROUP_SIZE = 64;
export const GPU_GROUPS = 4_096;

/** Numbers that a run leaves behind, of 4 bytes each. */
export const GPU_RESULTS = 4_096;

/** Chains of multiply-adds that do not wait for each other, each on four numbers: neither latency nor memory holds them up. */
const CHAINS = 8;
const LANES = 4;

/** Every number is multiplied by this and gets the rest to one added, so that it nears one and stays a usual number however long. */
const FACTOR = 0.999;

/** Operations of one run; a multiply-add counts as two. Pure. */
export function gpuOperations(rounds: number): number {
  return GPU_GROUPS * GPU_GROUP_SIZE * rounds * CHAINS * LANES * 2;
}

/** The source of the kernel with that many rounds, which are part of it so that the driver cannot take them for endless. Pure. */
export function gpuShader(rounds: number): string {
  const names = Array.from({ length: CHAINS }, (_, index) => `c${index}`);
  const begin = names.map((name, index) => `var ${name} = vec4<f32>(x + ${index}.0);`).join("\n");
  const steps = names.map((name) => `${name} = fma(${name}, factor, offset);`).join("\n");
  return `
    @group(0) @binding(0) var<storage, read_write> results: array<f32>;
    @compute @workgroup_size(${GPU_GROUP_SIZE})
    fn main(@builtin(global_invocation_id) id: vec3<u32>) {
      let x = f32(id.x % ${GPU_RESULTS}u) * 0.001;
      let factor = vec4<f32>(${FACTOR});
      let offset = vec4<f32>(${(1 - FACTOR).toFixed(3)});
      ${begin}
      for (var round = 0u; round < ${rounds}u; round++) { ${steps} }
      let sum = ${names.join(" + ")};
      results[id.x % ${GPU_RESULTS}u] = sum.x + sum.y + sum.z + sum.w;
    }`;
}

/**
 * Whether a run computed what it was asked for, to one in a hundred. A driver that refuses the kernel leaves zeros and is done at once,
 * which would count as the fastest of all. Pure.
 */
export function isGpuResult(results: ArrayLike<number>, rounds: number): boolean {
  if (results.length !== GPU_RESULTS) return false;
  const left = FACTOR ** rounds;
  for (let index = 0; index < GPU_RESULTS; index++) {
    const mean = index * 0.001 + (CHAINS - 1) / 2;
    const expected = LANES * CHAINS * (1 + (mean - 1) * left);
    if (!(Math.abs((results[index] ?? Number.NaN) - expected) <= expected / 100)) return false;
  }
  return true;
}
