/*
 * crc32.h - the CRC-32 of zip files (polynomial 0xEDB88320, reflected).
 */
#ifndef BASE_CRC32_H
#define BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* The sum of what crc is the sum of, followed by p [n]; of nothing it is 0. */
uint32_t crc32_add(uint32_t crc, const uint8_t *p, size_t n);

#endif
