;; primes N: how many primes there are up to N (2 to 1000000000), and the last of them.
;; A WASI preview 1 command, the example job of `bonusnode up`: useful, deterministic, and as much work as N asks for.
;; primes.wasm is what wabt assembles from this; a test keeps the two together.
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))

  ;; 0: argc, 4: bytes of argv, 8: one io vector, 16: bytes written, 64: argv pointers, 4096: argv, 65536: the sieve
  (memory (export "memory") 1)
  (data (i32.const 1024) "usage: primes N, with N from 2 to 1000000000\n")
  (data (i32.const 1088) " primes up to ")
  (data (i32.const 1104) ", the last is ")
  (data (i32.const 1120) "\n")
  ;; Where the next byte of output goes; it starts at 2048.
  (global $out (mut i32) (i32.const 2048))

  (func $print (param $fd i32) (param $from i32) (param $length i32)
    (i32.store (i32.const 8) (local.get $from))
    (i32.store (i32.const 12) (local.get $length))
    (drop (call $fd_write (local.get $fd) (i32.const 8) (i32.const 1) (i32.const 16))))

  (func $usage
    (call $print (i32.const 2) (i32.const 1024) (i32.const 45))
    (call $proc_exit (i32.const 2))
    unreachable)

  ;; N from the first argument, or 0 where that is not one.
  (func $read_n (result i32)
    (local $at i32) (local $digit i32) (local $n i64)
    (drop (call $args_sizes_get (i32.const 0) (i32.const 4)))
    (if (i32.or (i32.ne (i32.load (i32.const 0)) (i32.const 2)) (i32.gt_u (i32.load (i32.const 4)) (i32.const 4096)))
      (then (return (i32.const 0))))
    (drop (call $args_get (i32.const 64) (i32.const 4096)))
    (local.set $at (i32.load (i32.const 68)))
    (loop $next
      (local.set $digit (i32.load8_u (local.get $at)))
      (if (i32.eqz (local.get $digit)) (then (return (i32.wrap_i64 (local.get $n)))))
      (local.set $digit (i32.sub (local.get $digit) (i32.const 48)))
      (if (i32.gt_u (local.get $digit) (i32.const 9)) (then (return (i32.const 0))))
      (local.set $n (i64.add (i64.mul (local.get $n) (i64.const 10)) (i64.extend_i32_u (local.get $digit))))
      (if (i64.gt_u (local.get $n) (i64.const 1000000000)) (then (return (i32.const 0))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $next))
    unreachable)

  ;; Bit i of the sieve stands for the odd number 2i+1, and is set when that is composite.
  (func $is_composite (param $i i32) (result i32)
    (i32.and
      (i32.shr_u
        (i32.load8_u offset=65536 (i32.shr_u (local.get $i) (i32.const 3)))
        (i32.and (local.get $i) (i32.const 7)))
      (i32.const 1)))

  (func $sieve (param $last_bit i32)
    (local $i i32) (local $prime i32) (local $multiple i32) (local $byte i32)
    (local.set $i (i32.const 1))
    (block $done
      (loop $next
        (local.set $prime (i32.add (i32.shl (local.get $i) (i32.const 1)) (i32.const 1)))
        (local.set $multiple (i32.shr_u (i32.mul (local.get $prime) (local.get $prime)) (i32.const 1)))
        (br_if $done (i32.gt_u (local.get $multiple) (local.get $last_bit)))
        (if (i32.eqz (call $is_composite (local.get $i)))
          (then
            (loop $strike
              (local.set $byte (i32.shr_u (local.get $multiple) (i32.const 3)))
              (i32.store8 offset=65536
                (local.get $byte)
                (i32.or
                  (i32.load8_u offset=65536 (local.get $byte))
                  (i32.shl (i32.const 1) (i32.and (local.get $multiple) (i32.const 7)))))
              (local.set $multiple (i32.add (local.get $multiple) (local.get $prime)))
              (br_if $strike (i32.le_u (local.get $multiple) (local.get $last_bit))))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next))))

  (func $append_text (param $from i32) (param $length i32)
    (memory.copy (global.get $out) (local.get $from) (local.get $length))
    (global.set $out (i32.add (global.get $out) (local.get $length))))

  (func $append_number (param $value i32)
    (if (i32.ge_u (local.get $value) (i32.const 10))
      (then (call $append_number (i32.div_u (local.get $value) (i32.const 10)))))
    (i32.store8 (global.get $out) (i32.add (i32.const 48) (i32.rem_u (local.get $value) (i32.const 10))))
    (global.set $out (i32.add (global.get $out) (i32.const 1))))

  (func (export "_start")
    (local $n i32) (local $last_bit i32) (local $i i32) (local $count i32) (local $last i32)
    (local.set $n (call $read_n))
    (if (i32.lt_u (local.get $n) (i32.const 2)) (then (call $usage)))
    (local.set $last_bit (i32.shr_u (i32.sub (local.get $n) (i32.const 1)) (i32.const 1)))
    (drop (memory.grow (i32.add (i32.shr_u (local.get $last_bit) (i32.const 19)) (i32.const 1))))
    (call $sieve (local.get $last_bit))
    (local.set $count (i32.const 1))
    (local.set $last (i32.const 2))
    (local.set $i (i32.const 1))
    (block $done
      (loop $next
        (br_if $done (i32.gt_u (local.get $i) (local.get $last_bit)))
        (if (i32.eqz (call $is_composite (local.get $i)))
          (then
            (local.set $count (i32.add (local.get $count) (i32.const 1)))
            (local.set $last (i32.add (i32.shl (local.get $i) (i32.const 1)) (i32.const 1)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (call $append_number (local.get $count))
    (call $append_text (i32.const 1088) (i32.const 14))
    (call $append_number (local.get $n))
    (call $append_text (i32.const 1104) (i32.const 14))
    (call $append_number (local.get $last))
    (call $append_text (i32.const 1120) (i32.const 1))
    (call $print (i32.const 1) (i32.const 2048) (i32.sub (global.get $out) (i32.const 2048)))))
