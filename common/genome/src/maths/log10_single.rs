//! The decimal logarithm in single precision, with the roundings of glibc 2.27 to 2.40.
//!
//! x = 2^k·m; the natural logarithm of m comes from a table of 16 reciprocals and a cubic, in
//! double precision; the decimal one is put together in single precision. The constants are those
//! of ARM's optimized routines (`logf`, MIT) and of Sun's fdlibm (`log10f`, 1993).

const RECIPROCALS_AND_LOGARITHMS: [(f64, f64); 16] = [
    (1.398_907_162_146_528, -0.335_691_333_328_822_84),
    (1.340_314_189_663_799_8, -0.292_904_056_377_407_4),
    (1.286_432_210_124_115, -0.251_872_658_093_736_9),
    (1.236_715_021_426_989_5, -0.212_458_688_071_172_55),
    (1.190_697_716_671_175_2, -0.174_539_451_837_456_34),
    (1.147_982_102_055_642_9, -0.138_005_707_231_975_8),
    (1.108_225_144_827_215_8, -0.102_759_766_985_451_39),
    (1.071_129_741_305_738_1, -0.068_713_924_470_205_25),
    (1.036_437_278_977_283, -0.035_789_138_739_822_8),
    (1.0, 0.0),
    (0.949_285_979_573_905_7, 0.052_045_177_429_294_96),
    (0.895_104_942_860_900_4, 0.110_814_312_987_879_42),
    (0.847_682_162_035_110_3, 0.165_249_522_369_514_3),
    (0.805_031_485_169_200_1, 0.216_873_890_316_999_77),
    (0.766_467_100_884_310_8, 0.265_963_502_812_139_7),
    (0.731_428_603_316_328, 0.312_755_666_407_355_7),
];
const CUBIC: [f64; 3] = [
    -0.250_893_422_142_371_54,
    0.333_456_765_744_066,
    -0.499_999_748_580_210_3,
];

/// Returns the decimal logarithm of a positive, normal `x`; −∞ for 0, NaN below.
pub fn log10_single(x: f32) -> f32 {
    const SINGLE_LOG10_E: f32 = f32::from_bits(0x3EDE_5BD9);
    const LOG10_2_HIGH: f32 = f32::from_bits(0x3E9A_2080);
    const LOG10_2_LOW: f32 = f32::from_bits(0x3554_27DB);
    const SCALE: f32 = 33_554_432.0; // 2^25
    if x.is_nan() || x <= 0.0 {
        return if x == 0.0 {
            f32::NEG_INFINITY
        } else {
            f32::NAN
        };
    }
    if x == f32::INFINITY {
        return x;
    }
    let (normal, shift) = if x < f32::MIN_POSITIVE {
        (x * SCALE, -25)
    } else {
        (x, 0)
    };
    let bits = normal.to_bits() as i32;
    let exponent = shift + (bits >> 23) - 127;
    let below_one = i32::from(exponent < 0);
    let mantissa = f32::from_bits((bits & 0x007F_FFFF | (127 - below_one) << 23) as u32);
    let whole = (exponent + below_one) as f32;
    let fraction = whole * LOG10_2_LOW + SINGLE_LOG10_E * ln_single(mantissa);
    fraction + whole * LOG10_2_HIGH
}

/// Returns the natural logarithm of a normal `x` > 0.
fn ln_single(x: f32) -> f32 {
    const LOWEST_MANTISSA: u32 = 0x3F33_0000;
    if x == 1.0 {
        return 0.0;
    }
    let offset = x.to_bits().wrapping_sub(LOWEST_MANTISSA);
    let step = (offset >> 19) as usize % RECIPROCALS_AND_LOGARITHMS.len();
    let exponent = f64::from(offset as i32 >> 23);
    let mantissa = f32::from_bits(x.to_bits().wrapping_sub(offset & 0xFF80_0000));
    let (reciprocal, logarithm) = RECIPROCALS_AND_LOGARITHMS[step];
    let r = f64::from(mantissa) * reciprocal - 1.0;
    let base = logarithm + exponent * std::f64::consts::LN_2;
    let square = r * r;
    let tail = CUBIC[0] * square + (CUBIC[1] * r + CUBIC[2]);
    (tail * square + (base + r)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    // Bits of log10f of glibc 2.36.
    #[test]
    fn roundings_are_those_of_glibc() {
        let table = [
            (0x2205_391C, 0xC18D_F27C),
            (0x22A1_B561, 0xC18A_DDA1),
            (0x22FC_1CF9, 0xC189_52A5),
            (0x22AF_0CE6, 0xC18A_971D),
            (0x22BE_6227, 0xC18A_4C6F),
            (0x2267_39BC, 0xC18C_0814),
            (0x22EF_F0A5, 0xC189_7EAA),
            (0x2278_23E1, 0xC18B_C948),
            (0x22C8_B072, 0xC18A_1D8B),
            (0x2223_B357, 0xC18D_3B3F),
            (0x2214_8990, 0xC18D_91B4),
            (0x223F_D01D, 0xC18C_AE4A),
            (0x2233_63FE, 0xC18C_E9D7),
            (0x2236_6232, 0xC18C_DB20),
            (0x2219_27BB, 0xC18D_7679),
            (0x2205_5198, 0xC18D_F1D8),
            (0x224D_BCC9, 0xC18C_6FF5),
            (0x223E_864E, 0xC18C_B448),
            (0x22ED_0B26, 0xC189_8977),
            (0x2207_E853, 0xC18D_E0BD),
            (0x22A6_FAD4, 0xC18A_C119),
            (0x221B_5FA9, 0xC18D_69AE),
            (0x22BF_73D2, 0xC18A_4774),
            (0x22C6_D44E, 0xC18A_25D3),
            (0x220E_5E1F, 0xC18D_B770),
            (0x22EC_2E44, 0xC189_8CB5),
            (0x22FF_A1BD, 0xC189_4651),
            (0x2201_558A, 0xC18E_0CD5),
            (0x2293_26AB, 0xC18B_3189),
            (0x2210_321F, 0xC18D_AC16),
            (0x225C_D4E8, 0xC18C_30FC),
            (0x22B6_AC05, 0xC18A_7136),
            (0x2284_9476, 0xC18B_8E47),
            (0x2226_AB3B, 0xC18D_2B44),
            (0x22C6_4D53, 0xC18A_2830),
            (0x2226_17C0, 0xC18D_2E58),
            (0x2271_E781, 0xC18B_DFEC),
            (0x220E_D996, 0xC18D_B46E),
            (0x226B_4AFF, 0xC18B_F891),
            (0x22CE_D8BB, 0xC18A_02AA),
            (0x222A_5FCC, 0xC18D_17B5),
            (0x22E7_FD31, 0xC189_9CA3),
            (0x22BB_0DEA, 0xC18A_5C1F),
            (0x2270_2EF7, 0xC18B_E645),
            (0x22BD_3D58, 0xC18A_51CB),
            (0x2211_560C, 0xC18D_A515),
            (0x2264_D615, 0xC18C_1151),
            (0x2209_5A72, 0xC18D_D754),
            (0x2279_C023, 0xC18B_C387),
            (0x222A_2428, 0xC18D_18ED),
        ];
        for (x, y) in table {
            assert_eq!(log10_single(f32::from_bits(x)).to_bits(), y, "{x:08x}");
        }
    }

    #[test]
    fn special_arguments_follow_ieee() {
        assert_eq!(log10_single(1.0).to_bits(), 0);
        assert_eq!(log10_single(0.0), f32::NEG_INFINITY);
        assert_eq!(log10_single(f32::INFINITY), f32::INFINITY);
        assert!(log10_single(-1.0).is_nan() && log10_single(f32::NAN).is_nan());
        assert!((log10_single(1e-40) + 40.0).abs() < 1e-4);
    }
}
