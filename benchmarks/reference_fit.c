/* A reference fit of one job only, compiled: the least time that such maps take on this machine.

   Non-negative least squares of K references and F backgrounds, by trying all supports, and the sum of squared
   residuals. No errors, no chi-square, no missing values. Spectra are columns of `data` (E, P), float. */

#include <string.h>

#define TILE 256
#define MOST 8

void fit(const float *data, long n_energies, long n_pixels, const double *bases, const double *matrix, int k, int f,
         const double *r, const double *gain, const double *background_inverse, const double *coupling, float *amounts,
         float *squares)
{
    for (long first = 0; first < n_pixels; first += TILE) {
        long n = n_pixels - first < TILE ? n_pixels - first : TILE;
        double projected[MOST][TILE] = {{0}}, fitted[TILE], sum[TILE] = {0};
        for (long e = 0; e < n_energies; e++) {
            const float *row = data + e * n_pixels + first;
            for (int i = 0; i < k + f; i++) {
                double weight = bases[i * n_energies + e];
                for (long p = 0; p < n; p++)
                    projected[i][p] += weight * row[p];
            }
        }
        for (long p = 0; p < n; p++) {
            double best = 1e300, x[MOST] = {0}, kept[MOST] = {0};
            for (int support = 0; support < 1 << k; support++) {
                double misfit = 0;
                int feasible = 1;
                for (int i = 0; i < k; i++) {
                    x[i] = 0;
                    for (int j = 0; j < k; j++)
                        x[i] += gain[(support * k + i) * k + j] * projected[j][p];
                    feasible &= x[i] >= 0;
                }
                if (!feasible)
                    continue;
                for (int i = 0; i < k; i++) {
                    double left = projected[i][p];
                    for (int j = 0; j < k; j++)
                        left -= r[i * k + j] * x[j];
                    misfit += left * left;
                }
                if (misfit < best) {
                    best = misfit;
                    memcpy(kept, x, sizeof x);
                }
                if (support == 0)
                    break; /* feasible with all references: nothing is better */
            }
            for (int i = 0; i < f; i++) {
                x[i] = projected[k + i][p];
                for (int j = 0; j < k; j++)
                    x[i] -= coupling[i * k + j] * kept[j];
            }
            for (int i = 0; i < k; i++)
                amounts[i * n_pixels + first + p] = projected[i][p] = kept[i];
            for (int i = 0; i < f; i++) {
                projected[k + i][p] = 0;
                for (int j = 0; j < f; j++)
                    projected[k + i][p] += background_inverse[i * f + j] * x[j];
            }
        }
        for (long e = 0; e < n_energies; e++) {
            const float *row = data + e * n_pixels + first;
            memset(fitted, 0, sizeof fitted);
            for (int i = 0; i < k + f; i++) {
                double weight = matrix[e * (k + f) + i];
                for (long p = 0; p < n; p++)
                    fitted[p] += weight * projected[i][p];
            }
            for (long p = 0; p < n; p++)
                sum[p] += (row[p] - fitted[p]) * (row[p] - fitted[p]);
        }
        for (long p = 0; p < n; p++)
            squares[first + p] = sum[p];
    }
}
